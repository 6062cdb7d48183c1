import {
  createProgress,
  grouped,
  textWidth,
  type Progress,
  type SignalWatch,
} from '@event-pipeline/command-line';
import type { Queue } from '@event-pipeline/queue';
import { EXIT, type ProgramHost } from '@event-pipeline/runtime';
import { confirm } from './confirm';
import { formatDepth, readDepth } from './depth';
import { formatLetterId } from './letter-id';
import { letterPages, lettersToLookAt, type CallQueue } from './letter-pages';
import { toJson, viewOf, type LetterView } from './letter-view';
import { MoveTally, formatMove, moveLetters } from './move-letters';
import { Output } from './output';
import { patiently } from './patient-calls';
import type { MoveCommand, QueueCommand } from './queue-cli-options';
import type { QueueCliStreams } from './run-queue-cli';
import { untilSignal } from './until-signal';
import { asNamedByUser } from './user-mistakes';
import { LetterTable, letterFacts, letterLine } from './show-letters';

/** One command, carried out on an open queue. Each method resolves to the exit code. */
export class CommandRun {
  private readonly stdout: Output;
  private readonly call: CallQueue;

  constructor(
    private readonly queue: Queue,
    private readonly queueName: string,
    private readonly host: ProgramHost,
    private readonly streams: QueueCliStreams,
    private readonly signals: SignalWatch,
  ) {
    this.stdout = new Output(streams.stdout);
    // A reader of messages that went away is no reason to stop.
    streams.stderr.on('error', () => undefined);
    this.call = (call) => patiently(call, host.clock, signals.first);
  }

  /** Of what people read on standard output. */
  private get width(): number {
    return textWidth(this.streams.stdout);
  }

  async execute(command: QueueCommand): Promise<number> {
    const { first } = this.signals;
    const isReached = await untilSignal(this.reach(command), first);
    if (isReached === undefined) return this.signals.exitCode;
    const done = this.carryOut(command);
    // A move ends between two steps, with its figures; what only reads may end anywhere.
    if (command.name === 'redrive' || command.name === 'purge') return done;
    return (await untilSignal(done, first)) ?? this.signals.exitCode;
  }

  /**
   * Without patience: where the queue cannot be reached at all, that is said at once. Not health, which
   * a full disk fails: that is when letters are purged.
   */
  private async reach(command: QueueCommand): Promise<true> {
    await this.queue.stats(0);
    const { partition } =
      'choice' in command ? command.choice : 'place' in command ? command.place : command;
    if (partition !== undefined) await asNamedByUser(this.queue.stats(partition));
    return true;
  }

  private async carryOut(command: QueueCommand): Promise<number> {
    switch (command.name) {
      case 'depth':
        return this.depth(command);
      case 'list':
        return this.list(command);
      case 'show':
        return this.show(command);
      default:
        return this.move(command);
    }
  }

  private async depth({ json, partition }: QueueCommand & { name: 'depth' }): Promise<number> {
    const now = this.host.clock.now();
    const report = await readDepth(this.queue, this.queueName, partition, now);
    await this.stdout.write(json ? `${JSON.stringify(report)}\n` : formatDepth(report, this.width));
    return EXIT.ok;
  }

  private async list({ json, choice }: QueueCommand & { name: 'list' }): Promise<number> {
    const { first } = this.signals;
    const table = new LetterTable(this.width);
    const format = json ? letterLine : (view: LetterView) => table.rows(view);
    let shown = 0;
    let seen = 0;
    for await (const { chosen, looked } of letterPages(this.queue, choice, this.call)) {
      if (first.aborted) return this.signals.exitCode;
      seen += looked;
      if (chosen.length === 0) continue;
      const head = json || shown > 0 ? '' : table.head;
      shown += chosen.length;
      const isRead = await this.stdout.write(head + chosen.map(format).join(''));
      if (!isRead) return EXIT.ok;
    }
    if (json) return EXIT.ok;
    if (shown === 0) {
      const none = seen === 0 ? 'No dead letters.' : `None of ${grouped(seen)} dead letters fits.`;
      await this.stdout.write(`${none}\n`);
    }
    if (shown === choice.limit) this.say(`${grouped(shown)} shown; there may be more: --limit N`);
    return EXIT.ok;
  }

  private async show({ json, place }: QueueCommand & { name: 'show' }): Promise<number> {
    const letter = await asNamedByUser(this.queue.deadLetters.get(place.partition, place.id));
    if (letter === undefined) {
      this.say(`there is no dead letter ${formatLetterId(place)}, or none any more`);
      return EXIT.failed;
    }
    const view = viewOf(place.partition, letter);
    await this.stdout.write(json ? `${JSON.stringify(toJson(view))}\n` : letterFacts(view));
    return EXIT.ok;
  }

  private async move(command: MoveCommand): Promise<number> {
    const total = await lettersToLookAt(this.queue, command.choice, this.call);
    if (!(await this.isConfirmed(command, total))) {
      this.say(`nothing was ${command.name === 'redrive' ? 'put back' : 'dropped'}`);
      return this.signals.exitCode || EXIT.failed;
    }
    const tally = new MoveTally();
    const progress = this.progressOf(command, tally);
    progress.start(total);
    let failure: unknown;
    try {
      await moveLetters(this.queue, command, tally, this.call, this.signals.first);
    } catch (error) {
      failure = error;
    } finally {
      await progress.stop();
    }
    const report = tally.report(command);
    await this.stdout.write(command.json ? `${JSON.stringify(report)}\n` : formatMove(report));
    if (tally.refused > 0) this.sayRefused(tally);
    if (tally.complete) {
      // Of letters that a filter chose, those that somebody else moved meanwhile are where they should be.
      const isAnyMissed = command.choice.places !== undefined && tally.gone > 0;
      return isAnyMissed || tally.refused > 0 ? EXIT.failed : EXIT.ok;
    }
    if (!command.dryRun)
      this.say('not all were looked at; what is done is done: run it again to go on');
    if (failure !== undefined) throw failure;
    return this.signals.exitCode;
  }

  private sayRefused({ refused, refusedPlaces }: MoveTally): void {
    const named = refusedPlaces.map(formatLetterId).join(', ');
    const more = refused > refusedPlaces.length ? ', and others' : '';
    this.say(`left where they are, since their bodies do not begin with "{": ${named}${more}`);
    this.say('look at one with dead show ID, drop it with dead purge --id ID');
  }

  private progressOf({ name }: MoveCommand, tally: MoveTally): Progress {
    const done = name === 'redrive' ? 'redriven' : 'purged';
    const source = {
      value: () => tally.looked,
      counts: () => `${grouped(tally.moved)} ${done}`,
      line: (of: string) =>
        `${grouped(tally.looked)}${of} looked at, ${grouped(tally.moved)} ${done}`,
    };
    return createProgress(this.streams.stderr, source, this.host.clock);
  }

  /** On a terminal: elsewhere a command that must be confirmed does not get here. */
  private async isConfirmed(command: MoveCommand, total: number): Promise<boolean> {
    if (!command.mustBeConfirmed) return true;
    const { stdin, stderr } = this.streams;
    const { limit } = command.choice;
    const which = limit < total ? `the first ${grouped(limit)}` : 'all';
    const what = command.name === 'redrive' ? 'Put back' : 'Drop for good';
    const question = `${what} ${which} of ${grouped(total)} dead letters of ${this.queueName}? [y/N] `;
    return confirm(question, stdin, stderr, this.signals.first);
  }

  private say(text: string): void {
    this.streams.stderr.write(`queue: ${text}\n`);
  }
}
