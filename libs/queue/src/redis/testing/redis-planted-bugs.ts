import type { PlantedBug } from '../../testing/model/planted-bugs';
import { patchScript, type Edit, type ScriptName } from './patched-script';

/** As if the process that calls had ended here, every other time. */
const ENDS = "redis.call('HINCRBY', counters, 'planted', 1) % 2 == 0";

const bug = (name: string, script: ScriptName, ...edits: readonly Edit[]): PlantedBug => ({
  name,
  plant: () => patchScript(script, ...edits),
});

/** At its first line a script gets another list for its lease. */
const ONE_LIST_FOR_ALL: readonly (readonly [ScriptName, number])[] = [
  ['receive', 2],
  ['settle', 1],
  ['extend', 1],
  ['release', 1],
  ['reclaim', 1],
];

export const redisPlantedBugs: readonly PlantedBug[] = [
  bug('reclaim deletes a lease, and ends before it has put the events back', 'reclaim', [
    'local kind, count, elements = read_lease(list)',
    `local kind, count, elements = read_lease(list)
    if ${ENDS} then redis.call('DEL', lease) redis.call('ZREM', leases, ARGV[1]) return { 0, 0 } end`,
  ]),
  bug('reclaim puts the events back, and ends before it has deleted the lease', 'reclaim', [
    "redis.call('DEL', lease)\nredis.call('ZREM', leases, ARGV[1])",
    `if not (${ENDS}) then redis.call('DEL', lease) redis.call('ZREM', leases, ARGV[1]) end`,
  ]),
  bug('extend brings a lease back to life', 'extend', [
    "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\nredis.call('ZADD', KEYS[2], now_ms() + ",
    "redis.call('ZADD', KEYS[2], now_ms() + ",
  ]),
  {
    name: 'all leases are in one list, as of one worker',
    plant: () => {
      for (const [script, key] of ONE_LIST_FOR_ALL) {
        const list = `KEYS[${key}] = (string.gsub(KEYS[${key}], 'lease:.*$', 'lease:worker'))`;
        patchScript(script, ['local function now_ms()', `${list}\nlocal function now_ms()`]);
      }
    },
  },
  bug('receive pops events, and ends before it has made the lease', 'receive', [
    "redis.call('RPUSH', lease, ",
    `if ${ENDS} then return answer({}) end\nredis.call('RPUSH', lease, `,
  ]),
  bug('receive makes a lease without a deadline', 'receive', [
    "redis.call('ZADD', leases, now + lease_ms, ARGV[1])",
    '',
  ]),
  bug('receive, repeated under its lease id, takes more events', 'receive', [
    "if redis.call('EXISTS', lease) == 1 then",
    'if false then',
  ]),
  bug('receive hands out more bytes than it may', 'receive', [
    'if #taken > 0 and bytes + size > max_bytes then',
    'if false then',
  ]),
  bug('due retries take a whole lease while events are pending', 'receive', [
    'share = 2',
    'share = 1',
  ]),
  bug('suspects get every lease while events are pending', 'receive', ['% 2 == 1)', '> 0)']),
  bug('settle accepts a lease that is over', 'settle', [
    'if not head then return 0 end',
    'if not head then return 1 end',
  ]),
  bug('what is given back comes in the wrong order', 'release', [
    'for i = to, from, -1 do\n    step[#step + 1] = elements[i]\n    if #step == 1000 or i == from',
    'for i = from, to do\n    step[#step + 1] = elements[i]\n    if #step == 1000 or i == to',
  ]),
  bug('release of suspects forgets that they are suspects', 'release', [
    "redis.call('HINCRBY', counters, 'suspect', #elements)",
    '',
  ]),
  bug('release does not count the lease down', 'release', [
    "redis.call('HINCRBY', counters, 'leased', -count)",
    '',
  ]),
  bug('settle takes the bytes of retries from the count of bytes held', 'settle', [
    'kept_bytes - bytes',
    '-bytes',
  ]),
  bug('an attempt counts twice', 'settle', ['attempts = attempts + 1', 'attempts = attempts + 2']),
  bug('a retry is counted twice', 'settle', ["'retried', retried)", "'retried', 2 * retried)"]),
  bug('retries of one lease with the same body are one', 'settle', [
    "        again[#again + 1] = ARGV[1] .. ':' .. index .. write",
    "        again[#again + 1] = ARGV[1] .. ':' .. write",
  ]),
  bug('a body ends at its zero byte when it is retried', 'settle', [
    "\\1', attempts, crashes, first) .. body",
    "\\1%s', attempts, crashes, first, body)",
  ]),
  bug('a batch that was queued is queued again', 'enqueue', ['if known then', 'if false then']),
  bug('a batch id over other content is taken for the same batch', 'enqueue', [
    'if split and string.sub(known, 1, split - 1) == digest then',
    'if true then',
  ]),
  bug('a deferred event counts an attempt', 'settle', [
    'deferred = deferred + 1',
    'deferred, attempts = deferred + 1, attempts + 1',
  ]),
  bug('a redriven event stays a dead letter', 'redrive', [
    "redis.call('XDEL', KEYS[1], unpack(found))",
    '',
  ]),
  bug('redrive puts back what is no event', 'redrive', ['string.byte(body, 1) == 123', 'true']),
  bug('redrive drops the letter, and ends before it has queued the event', 'redrive', [
    "redis.call('LPUSH', KEYS[2], unpack(bodies))",
    '',
  ]),
  bug('purge forgets the bytes', 'purge', [
    "redis.call('HINCRBY', KEYS[2], 'bytes', 0 - bytes)",
    '',
  ]),
  bug('suspects do not come back in halves', 'reclaim', [
    'local half = math.min(math.ceil(#elements / 2), 500)',
    'local half = 1000',
  ]),
  bug('a crash of an event that was alone is not counted', 'reclaim', ['crashes + 1', 'crashes']),
  bug('an event gets one crash more than it may have', 'reclaim', [
    'if crashes >= tonumber',
    'if crashes > tonumber',
  ]),
];
