import {
  DOCUMENTED_ADDRESS,
  DOCUMENTED_RUN,
  documentedCommands,
  withWords,
} from './documented-commands.mjs';

/** Time for one block of commands; the first one downloads and compiles. */
const LIMIT_MS = 900_000;
const CLIENTS = 'examples/clients/README.md';
/** A crash breaks the connection; an orderly stop ends the stream with a status and a retry hint. */
const ENDS = ['SIGKILL', 'SIGTERM', 'SIGKILL'];
const EVENTS_UNDER_FIRE = 200_000;
/** More than the collector takes in one request. */
const TOO_MANY_EVENTS = 10_001;

/** The languages, the programs that each needs, and what is tried with each. */
export const LANGUAGES = [
  {
    name: 'Python',
    needs: [['python3', '-c', 'import venv, ensurepip']],
    trials: [...producerTrials('Python'), firstBatchTrial()],
  },
  { name: 'Go', needs: [['go', 'version']], trials: producerTrials('Go') },
  {
    name: 'Java',
    needs: [
      ['javac', '-version'],
      ['mvn', '--version'],
    ],
    trials: producerTrials('Java'),
  },
  { name: 'grpcurl', needs: [['grpcurl', '--version']], trials: [curlTrial('grpcurl')] },
  { name: 'buf curl', needs: [['npx', 'buf', '--version']], trials: [curlTrial('buf curl')] },
];

function producerTrials(heading) {
  const commands = documentedCommands(CLIENTS, heading);
  const run = (sandbox, ...args) =>
    sandbox.run(withWords(commands, DOCUMENTED_RUN, args.join(' ')), LIMIT_MS);
  return [
    {
      title: 'the documented commands queue each event once',
      run: async ({ sandbox, pipeline }) => {
        const { said, code } = await run(sandbox, pipeline.address, 10_000, 500);
        expect(said, code === 0 && said.includes('10000 accepted, 0 rejected, 0 unanswered'));
        await expectEachOnce(pipeline, 10_000, said);
      },
    },
    {
      title: 'collectors that are killed and stopped meanwhile lose and double nothing',
      run: async ({ sandbox, pipeline }) => {
        const producer = run(sandbox, pipeline.address, EVENTS_UNDER_FIRE, 500);
        const ended = producer.then(({ said }) =>
          expect(`ended before it was cut\n${said}`, false),
        );
        ended.catch(() => {}); // After the last cut it may end.
        const share = EVENTS_UNDER_FIRE / (ENDS.length + 2);
        for (const signal of ENDS) {
          await Promise.race([pipeline.replaceCollector(share, signal), ended]);
        }
        const { said, code } = await producer;
        expect(said, code === 0 && said.includes('sending again what had no answer'));
        expect(said, said.includes(`${EVENTS_UNDER_FIRE} accepted, 0 rejected, 0 unanswered`));
        await expectEachOnce(pipeline, EVENTS_UNDER_FIRE, said);
      },
    },
    {
      title: 'events that are not acknowledged fail the program',
      run: async ({ sandbox, pipeline }) => {
        const args = [pipeline.address, TOO_MANY_EVENTS, TOO_MANY_EVENTS];
        const { said, code } = await run(sandbox, ...args);
        expect(said, code === 1 && said.includes(`${TOO_MANY_EVENTS} unanswered`));
        expect(said, !said.includes('sending again'));
      },
    },
  ];
}

function curlTrial(heading) {
  const commands = documentedCommands(CLIENTS, heading);
  return {
    title: 'the documented commands publish by all three methods',
    run: async ({ sandbox, pipeline }) => {
      const here = withWords(commands, DOCUMENTED_ADDRESS, pipeline.address);
      const first = await sandbox.run(here, LIMIT_MS);
      expect(first.said, first.code === 0 && first.said.includes('REJECTION_CODE_INVALID_TYPE'));
      expect(first.said, (await pipeline.enqueued()) === 5);
      // The batches have ids, the single events of StreamEvents have none.
      const again = await sandbox.run(here, LIMIT_MS);
      expect(again.said, again.said.split('"duplicate": true').length === 4);
      expect(again.said, (await pipeline.enqueued()) === 7);
    },
  };
}

function firstBatchTrial() {
  const commands = documentedCommands('README.md', 'From your own program');
  const script = 'examples/clients/python/first_batch.py';
  return {
    title: 'the commands of the README queue a first batch',
    run: async ({ sandbox, pipeline }) => {
      const here = withWords(commands, script, `${script} ${pipeline.address}`);
      const { said, code } = await sandbox.run(here, LIMIT_MS);
      expect(said, code === 0 && said.includes('2 accepted'));
      await expectEachOnce(pipeline, 2, said);
    },
  };
}

async function expectEachOnce(pipeline, count, said) {
  const ids = await pipeline.handledIds();
  const different = new Set(ids).size;
  const found = `handled ${ids.length} events, ${different} different ones, of ${count}\n${said}`;
  expect(found, ids.length === count && different === count);
}

function expect(found, holds) {
  if (!holds) throw new Error(found);
}
