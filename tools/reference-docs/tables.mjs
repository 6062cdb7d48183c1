import { CONTRACT_TABLES } from './contract-tables.mjs';
import { code, sentence, table } from './markdown.mjs';

/** The variables that a first day needs, in the order of the README. */
const ESSENTIAL = [
  'QUEUE_URL',
  'REDIS_HOST',
  'REDIS_PORT',
  'COLLECTOR_HOST',
  'COLLECTOR_PORT',
  'COLLECTOR_HTTP_PORT',
  'COLLECTOR_ADDRESS',
  'WORKER_HTTP_PORT',
  'STORE_URL',
  'STORE_RETENTION_DAYS',
  'WORKER_HANDLERS',
  'WORKER_CONCURRENCY',
  'PROCESSING_TIME_MS',
  'LOG_LEVEL',
];

/** Every table by its name in the markers: facts in, Markdown out. */
export const TABLES = {
  ...CONTRACT_TABLES,
  'essential-variables': ({ programs }) => {
    const rows = ESSENTIAL.map((name) => {
      const readers = Object.keys(programs).filter((program) => find(programs, program, name));
      const [first] = readers;
      if (first === undefined) throw new Error(`no program reads ${name}`);
      // What npm start has to know of the others' variables, it passes on to them.
      const named = readers.filter((program) => program !== 'quickstart');
      return [...variableCells(find(programs, first, name)), named.join(', ')];
    });
    return table(['Variable', 'Default', 'Unit', 'Meaning', 'Read by'], rows);
  },
  'shared-variables': ({ programs }) =>
    variables(programs.collector.filter((variable) => isShared(variable, programs))),
  'collector-variables': ({ programs }) =>
    variables(programs.collector.filter((variable) => !isShared(variable, programs))),
  'worker-variables': ({ programs }) =>
    variables(programs.worker.filter((variable) => !isShared(variable, programs))),
  'producer-variables': ({ programs }) => variables(programs.producer),
  'quickstart-variables': ({ programs }) => variables(programs.quickstart),
  'producer-options': ({ options }) => optionTable(options),
  'queue-options': ({ queueOptions, queueCommands }) =>
    optionTable(queueOptions, (option) => {
      const takers = Object.values(queueCommands).filter(({ options }) => options.includes(option));
      return takers.length === Object.keys(queueCommands).length
        ? 'all'
        : takers.map(({ words }) => code(words)).join(', ');
    }),
  'queue-commands': ({ queueCommands }) =>
    table(
      ['Command', 'Meaning'],
      Object.values(queueCommands).map(({ words, argument, description }) => [
        code(argument === undefined ? words : `${words} ${argument}`),
        sentence(description),
      ]),
    ),
  'process-metrics': ({ metrics }) => metricTable(metrics.filter(({ from }) => from === 'process')),
  'queue-metrics': ({ metrics }) => metricTable(metrics.filter(({ from }) => from === 'queue')),
};

/** @param commandsOf the commands that an option goes with, where there are several */
function optionTable(options, commandsOf) {
  const head = ['Option', 'Default', 'Meaning'];
  const rows = Object.entries(options).map(
    ([name, { value, short, default: byDefault, description }]) => [
      [short && `-${short}`, value === undefined ? `--${name}` : `--${name} ${value}`]
        .filter(Boolean)
        .map(code)
        .join(', '),
      commandsOf?.(name) ?? (byDefault === undefined ? '' : code(byDefault)),
      sentence(description),
    ],
  );
  return table(commandsOf ? [head[0], 'Goes with', head[2]] : head, rows);
}

/** True where collector and worker read the variable and it means the same to both. */
function isShared(variable, { collector, worker }) {
  const same = ({ name, ...rest }) =>
    name === variable.name && JSON.stringify({ name, ...rest }) === JSON.stringify(variable);
  return collector.some(same) && worker.some(same);
}

function find(programs, program, name) {
  return programs[program].find((variable) => variable.name === name);
}

function variables(list) {
  const rows = list.map((variable) => [...variableCells(variable), sentence(variable.form)]);
  return table(['Variable', 'Default', 'Unit', 'Meaning', 'Form'], rows);
}

function variableCells({ name, default: byDefault, unit, description }) {
  const shown = byDefault === '' ? 'unset' : code(byDefault) + inWords(byDefault, unit);
  return [code(name), shown, unit, sentence(description)];
}

/** " (4 MiB)" for bytes that are a whole number of KiB. */
function inWords(value, unit) {
  const kib = Number(value) / 1_024;
  if (unit !== 'bytes' || kib < 1 || !Number.isInteger(kib)) return '';
  const mib = kib / 1_024;
  return Number.isInteger(mib) ? ` (${mib} MiB)` : ` (${kib} KiB)`;
}

function metricTable(metrics) {
  const rows = metrics.map(({ name, type, labels, help }) => [
    code(name),
    type,
    labels.map(code).join(', '),
    help,
  ]);
  return table(['Metric', 'Type', 'Labels', 'Meaning'], rows);
}
