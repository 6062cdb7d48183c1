import { startPostgresServer, type PostgresServer } from '../testing';
import { float8Array, textArray, uuidArray } from './binary-arrays';

describe('arrays in binary form', () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgresServer();
  });
  afterAll(() => postgres.stop());

  async function elementsOf(type: string, array: Buffer): Promise<string[]> {
    const sql = `select element::text from unnest($1::${type}[]) with ordinality as given (element, at)
      order by at`;
    const rows = await postgres.query<{ element: string }>(sql, [array]);
    return rows.map(({ element }) => element);
  }

  it('hold UUIDs', async () => {
    const ids = ['018f3c9e-7b1a-7cc2-9d3e-00ff10abcdef', '00000000-0000-0000-0000-000000000001'];
    expect(await elementsOf('uuid', uuidArray(ids))).toEqual(ids);
  });

  it('hold numbers', async () => {
    const numbers = [0, -1.5, 1_700_000_000_123, Number.MAX_SAFE_INTEGER];
    expect((await elementsOf('float8', float8Array(numbers))).map(Number)).toEqual(numbers);
  });

  it('hold texts, whatever stands in them', async () => {
    const texts = ['', 'a', '{"}\\,NULL', 'NULL', 'é\u2028😀', '\n\t', 'x'.repeat(100_000)];
    expect(await elementsOf('text', textArray('text', texts))).toEqual(texts);
    const bodies = ['{ "a" :\t"\\u00e9" }', '[1e999]', '"\\\\"'];
    expect(await elementsOf('json', textArray('json', bodies))).toEqual(bodies);
  });

  it('may be empty', async () => {
    expect(await elementsOf('text', textArray('text', []))).toEqual([]);
    expect(await elementsOf('uuid', uuidArray([]))).toEqual([]);
  });
});
