import { identicalText } from './content';
import { putEvents, type EventTable, type RowOutcome } from './put-events';
import { storable, storables } from './testing/store-under-test';

/** A table in memory; `outcomeOf` may take rows away before they get there. */
function tableWith(
  outcomeOf: (id: string, tries: number) => RowOutcome | undefined = () => undefined,
) {
  const rows = new Map<string, string>();
  const tries = new Map<string, number>();
  const table: EventTable = {
    insert: (given) =>
      Promise.resolve(
        given.map(({ id, body }) => {
          const count = (tries.get(id) ?? 0) + 1;
          tries.set(id, count);
          const outcome = outcomeOf(id, count);
          if (outcome !== undefined) return outcome;
          if (rows.has(id)) return 'there';
          rows.set(id, body);
          return 'stored';
        }),
      ),
    bodiesOf: (ids) =>
      Promise.resolve(new Map(ids.flatMap((id) => (rows.has(id) ? [[id, rows.get(id)!]] : [])))),
  };
  return { table, rows };
}

const DROPPED = 'the database took the row and does not have it';

describe('events that a database takes and does not have', () => {
  it('are refused, with their repeats, and hold up no neighbour', async () => {
    const dropped = storable();
    const { table } = tableWith((id) => (id === dropped.id ? 'there' : undefined));
    const [one, other] = storables(2);
    const result = await putEvents(table, [one!, dropped, other!, dropped], identicalText);
    expect(result).toEqual({
      stored: 2,
      duplicates: 0,
      conflicts: [],
      refused: [
        { index: 1, error: DROPPED },
        { index: 3, error: DROPPED },
      ],
    });
  });

  it('are stored where retention had deleted them in between', async () => {
    const { table, rows } = tableWith((_, tries) => (tries === 1 ? 'there' : undefined));
    const event = storable();
    expect(await putEvents(table, [event, event], identicalText)).toMatchObject({
      stored: 1,
      duplicates: 1,
      refused: [],
    });
    expect(rows.get(event.id)).toBe(event.body);
  });

  it('are refused with the reason of the second time, where there is one', async () => {
    const { table } = tableWith((_, tries) => (tries === 1 ? 'there' : { refused: 'too old' }));
    const event = storable();
    expect(await putEvents(table, [event, event], identicalText)).toMatchObject({
      stored: 0,
      refused: [
        { index: 0, error: 'too old' },
        { index: 1, error: 'too old' },
      ],
    });
  });
});

it('an engine that gives too few answers is a mistake of the program, and refuses no event', async () => {
  const { table } = tableWith();
  const forgetful: EventTable = { ...table, insert: () => Promise.resolve(['stored']) };
  await expect(putEvents(forgetful, storables(2), identicalText)).rejects.toMatchObject({
    code: 'INTERNAL',
  });
});
