/** A program for log-output.e2e.spec.ts: logs many lines, says so on standard error, then waits. */
import { createLogger } from '../logger';

const logger = createLogger({ name: 'example', level: 'info', format: 'json' });
const [lines, then] = process.argv.slice(2);

const logAll = () => {
  for (let number = 0; number < Number(lines); number += 1) {
    logger.info({ number, padding: 'x'.repeat(100) }, 'line');
  }
  process.stderr.write('logged\n');
  if (then === 'exit') {
    logger.flush();
    process.exit(0);
  }
};

// Begins when it is told to, so that the test has its reader in place; and again.
process.stdin.on('data', logAll);
