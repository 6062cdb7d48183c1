/** Of what went wrong, this much is shown. */
const SHOWN_TEXT = 2_000;

/** Thrown where nothing that follows can succeed. */
class Abandoned extends Error {}

/** Runs checks one by one and says of each how it went. */
export class Checks {
  passed = 0;
  failed = 0;

  heading(title) {
    console.log(`\n${title}`);
  }

  /** A check passes where `run` resolves; what it resolves with, a text, is a figure to be shown. */
  async check(title, run) {
    const started = Date.now();
    try {
      const figure = await run();
      this.passed += 1;
      const seconds = ((Date.now() - started) / 1_000).toFixed(1);
      const more = typeof figure === 'string' ? `; ${figure}` : '';
      console.log(`  ok      ${title} (${seconds} s${more})`);
      return true;
    } catch (error) {
      this.failed += 1;
      const problem = error.message.slice(0, SHOWN_TEXT).replace(/^/gm, '          ');
      console.log(`  FAILED  ${title}\n${problem}`);
      return false;
    }
  }

  /** A check without which the following ones are pointless. */
  async need(title, run) {
    if (!(await this.check(title, run))) throw new Abandoned();
  }

  /** A group of checks: what it needs and does not get ends the group only. */
  async group(title, run) {
    this.heading(title);
    try {
      await run();
    } catch (error) {
      if (error instanceof Abandoned) return;
      this.failed += 1;
      console.log(`  FAILED  ${error.stack}`);
    }
  }
}

/** @throws Error with both values where they differ */
export function expectEqual(what, actual, expected) {
  const [found, wanted] = [actual, expected].map((value) => JSON.stringify(value));
  if (found !== wanted) throw new Error(`${what}: ${found}; expected ${wanted}`);
}

/** @throws Error with the text where it does not match */
export function expectMatch(what, text, pattern) {
  if (!pattern.test(text))
    throw new Error(`${what}: expected ${pattern} in\n${text.slice(-SHOWN_TEXT)}`);
}
