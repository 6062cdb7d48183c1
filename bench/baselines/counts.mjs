// What a baseline has counted, for the runner to read: served in the form of /metrics.
import { createServer } from 'node:http';

/** Serves the counts, then says so in a log line as the programs of the pipeline do. */
export function serveCounts(counts, port) {
  const server = createServer((_, response) => {
    const lines = Object.entries(counts).map(([name, value]) => `${name} ${value}\n`);
    response.end(lines.join(''));
  });
  server.listen(0, '127.0.0.1', () => {
    const url = `http://127.0.0.1:${server.address().port}`;
    process.stdout.write(`${JSON.stringify({ msg: 'ready', port, url })}\n`);
  });
}
