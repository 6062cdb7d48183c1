import { systemRandom } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { parseEventLine } from './ndjson-line';

describe('a line of a file of events', () => {
  const clock = new SimulatedClock();
  const parse = (line: string) => parseEventLine(line, { clock, random: systemRandom });
  const eventOf = (line: string) => {
    const { event, reason } = parse(line);
    if (event === undefined) throw new Error(reason);
    return event;
  };

  it('may give every member of an event', () => {
    const line = {
      eventId: 'B6B33C52-21B6-4E77-8F5B-0F51B0E8D2A1',
      type: 'page_view',
      timestamp: 1_700_000_000_000,
      data: { path: '/' },
      dataContentType: 'application/json',
      attributes: { traceparent: '00-1-2-01', other: '' },
      source: 'web',
      partitionKey: 'user-1',
      schemaVersion: '2',
    };
    expect(eventOf(JSON.stringify(line))).toEqual({
      ...line,
      data: Buffer.from('{"path":"/"}'),
      attributes: new Map(Object.entries(line.attributes)),
    });
  });

  it('needs nothing but a type: the id is made and the time is now', () => {
    const event = eventOf('{"type":"a"}');
    expect(event).toMatchObject({
      type: 'a',
      timestamp: clock.now(),
      source: '',
      dataContentType: '',
    });
    expect(event.eventId).toMatch(/^[0-9a-f-]{36}$/);
    expect(eventOf('{"type":"a"}').eventId).not.toBe(event.eventId);
    expect(event.data).toHaveLength(0);
    expect(event.attributes.size).toBe(0);
  });

  it.each([
    '12345678901234567890.10',
    '{ "b" : 1, "a" : 2, "a" : 3 }',
    '"\\u00e9 and é"',
    'null',
    'false',
    '[1,  2]',
  ])('passes data on as it was written: %s', (data) => {
    expect(eventOf(`{"data": ${data} ,"type":"a"}`).data.toString()).toBe(data);
  });

  it('sends the text itself where the data is not JSON', () => {
    const line = '{"type":"a","data":"<a href=\\"\\u00e9\\">","dataContentType":"text/html"}';
    expect(eventOf(line).data.toString()).toBe('<a href="é">');
  });

  it.each([
    ['"2025-01-31T12:00:00Z"', Date.UTC(2025, 0, 31, 12)],
    ['"2025-01-31T12:00:00.250+01:30"', Date.UTC(2025, 0, 31, 10, 30, 0, 250)],
    ['"2024-02-29"', Date.UTC(2024, 1, 29)],
    ['0', 0],
    ['-1', -1],
  ])('takes timestamp %s', (timestamp, expected) => {
    expect(eventOf(`{"type":"a","timestamp":${timestamp}}`).timestamp).toBe(expected);
  });

  it.each([
    '"2025-02-29"',
    '"2025-13-01"',
    '"2025-01-31T12:00:00"',
    '"2025-01-31T25:00:00Z"',
    '"31.01.2025"',
    '"tomorrow"',
    '""',
    '1.5',
    '9007199254740993',
    '1e400',
    'null',
    'true',
  ])('refuses timestamp %s', (timestamp) => {
    expect(parse(`{"type":"a","timestamp":${timestamp}}`).reason).toMatch(/^timestamp must be /);
  });

  it('keeps an attribute named __proto__', () => {
    const event = eventOf('{"type":"a","attributes":{"__proto__":"x"}}');
    expect([...event.attributes]).toEqual([['__proto__', 'x']]);
  });

  it.each([
    ['', /^not valid JSON: /],
    ['{"type":"a"', /^not valid JSON: /],
    ['{"type":"a"} {"type":"b"}', /^not valid JSON: /],
    ['[]', 'must be a JSON object, not an array'],
    ['null', 'must be a JSON object, not null'],
    ['"x"', 'must be a JSON object, not a string'],
    ['{}', 'type is missing'],
    ['{"type":1}', 'type must be a string, not a number'],
    ['{"type":null}', 'type must be a string, not null'],
    ['{"type":"a","type":"b"}', 'type is given twice'],
    ['{"type":"a","eventId":7}', 'eventId must be a string, not a number'],
    ['{"type":"a","source":{}}', 'source must be a string, not an object'],
    ['{"type":"a","attributes":[]}', 'attributes must be an object of strings, not an array'],
    ['{"type":"a","attributes":{"n":1}}', 'attribute "n" must be a string, not a number'],
    ['{"type":"a","partitionKey":"\\ud800"}', 'partitionKey contains half a surrogate pair'],
    [
      '{"type":"a","data":{},"dataContentType":"text/plain"}',
      'data must be a string where dataContentType is "text/plain"',
    ],
    [
      '{"type":"a","id":"x"}',
      '"id" is no member of an event; known: eventId, type, timestamp, data, dataContentType, ' +
        'attributes, source, partitionKey, schemaVersion',
    ],
    ['{"type":"a","__proto__":{}}', /^"__proto__" is no member of an event/],
  ])('is refused with the reason: %s', (line, reason) => {
    const parsed = parse(line);
    expect(parsed.event).toBeUndefined();
    if (typeof reason === 'string') expect(parsed.reason).toBe(reason);
    else expect(parsed.reason).toMatch(reason);
  });

  it('cannot write control characters into the reason', () => {
    for (const line of ['\u001b[2J', '{"type":"a","\u001b[2J":1}', '{"type":"a","\\u001b[2J":1}']) {
      expect(parse(line).reason).not.toContain('\u001b');
    }
  });
});
