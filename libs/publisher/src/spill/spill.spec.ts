import { randomUUID } from 'node:crypto';
import {
  appendFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Spill, SpilledBatch } from '../spill-port';
import { openSpill, type SpillOptions } from '.';

const folders: string[] = [];
const open: Spill[] = [];
afterEach(async () => {
  for (const spill of open.splice(0)) await spill.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function newFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'spill-'));
  folders.push(folder);
  return folder;
}

async function spillIn(folder: string, options: Partial<SpillOptions> = {}) {
  const spill = await openSpill({ folder, ...options });
  open.push(spill);
  return spill;
}

/** As a crash does: the files stay as they are at one moment, and the next spill may have them. */
async function crash(folder: string): Promise<string> {
  for (;;) {
    const copy = await newFolder();
    const before = await segmentsIn(folder);
    const isWhole = await Promise.all(
      before.map(async (name) => writeFile(join(copy, name), await readFile(join(folder, name)))),
    ).then(
      () => true,
      () => false,
    );
    if (isWhole && String(await segmentsIn(folder)) === String(before)) return copy;
  }
}

const batch = (size = 10): SpilledBatch => ({
  id: randomUUID(),
  events: 3,
  bytes: Buffer.alloc(size, size % 251),
});

async function recover(spill: Spill): Promise<SpilledBatch[]> {
  const found: SpilledBatch[] = [];
  for await (const one of spill.recovered()) found.push(one);
  return found;
}

const segmentsIn = async (folder: string) =>
  (await readdir(folder)).filter((name) => name.endsWith('.log')).sort();
const sizeOf = async (folder: string) => {
  const names = await segmentsIn(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
};

describe('a spill', () => {
  it('has after a crash what was appended and is not settled, in order, byte for byte', async () => {
    const folder = await newFolder();
    const spill = await spillIn(folder);
    const batches = [batch(), batch(0), batch(100_000), batch()];
    for (const one of batches) await spill.append(one);
    spill.done(batches[1]!.id);
    await spill.append(batch());
    const found = await recover(await spillIn(await crash(folder)));
    expect(found.slice(0, 3)).toEqual([batches[0], batches[2], batches[3]]);
    expect(found).toHaveLength(4);
  });

  it('has nothing left where everything was settled', async () => {
    const folder = await newFolder();
    const spill = await spillIn(folder);
    const batches = [batch(), batch()];
    await Promise.all(batches.map((one) => spill.append(one)));
    for (const { id } of batches) spill.done(id);
    await spill.close();
    expect(await readdir(folder)).toEqual([]);
    expect(await recover(await spillIn(folder))).toEqual([]);
  });

  it('keeps over several runs what none of them has settled', async () => {
    const folder = await newFolder();
    const kept = [batch(), batch()];
    for (const one of kept) {
      const spill = await openSpill({ folder });
      await spill.append(one);
      await spill.close();
    }
    const third = await openSpill({ folder });
    expect(await recover(third)).toEqual(kept);
    third.done(kept[0]!.id);
    await third.close();
    expect(await recover(await spillIn(folder))).toEqual([kept[1]]);
  });

  it('keeps in mind what a later run has settled, beside what it has not', async () => {
    const folder = await newFolder();
    const first = await openSpill({ folder });
    const both = [batch(), batch()];
    for (const one of both) await first.append(one);
    await first.close();
    const second = await openSpill({ folder });
    expect(await recover(second)).toEqual(both);
    second.done(both[0]!.id);
    await second.close();
    expect(await recover(await spillIn(folder))).toEqual([both[1]]);
  });

  it('reads up to a torn tail wherever it was torn, and says so', async () => {
    const folder = await newFolder();
    const spill = await openSpill({ folder });
    const batches = [batch(50), batch(60)];
    for (const one of batches) await spill.append(one);
    await spill.close();
    const [name = ''] = await segmentsIn(folder);
    const { size } = await stat(join(folder, name));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: size - 1 }), async (length) => {
        const copy = await crash(folder);
        await truncate(join(copy, name), length);
        const damage: string[] = [];
        const torn = await openSpill({ folder: copy, onDamage: (text) => damage.push(text) });
        const found = await recover(torn);
        const whole = [batches[0]].slice(0, found.length);
        expect(found).toEqual(whole);
        // Cut exactly between two records, nothing is torn.
        expect(damage.length).toBeLessThanOrEqual(1);
        // What is appended now is found behind it.
        const next = batch();
        await torn.append(next);
        await torn.close();
        const again = await openSpill({ folder: copy });
        expect(await recover(again)).toEqual([...whole, next]);
        await again.close();
      }),
      { numRuns: 40 },
    );
  });

  it('takes no record whose bytes have changed', async () => {
    const folder = await newFolder();
    const spill = await openSpill({ folder });
    const [first, second] = [batch(50), batch(60)];
    await spill.append(first);
    await spill.append(second);
    await spill.close();
    const [name = ''] = await segmentsIn(folder);
    const content = await readFile(join(folder, name));
    content[content.length - 10]! ^= 1;
    await writeFile(join(folder, name), content);
    const damage: string[] = [];
    const damaged = await spillIn(folder, { onDamage: (text) => damage.push(text) });
    expect(await recover(damaged)).toEqual([first]);
    expect(damage).toEqual([expect.stringMatching(/the last \d+ bytes are no whole record/)]);
  });

  it('passes over files that are not its own', async () => {
    const folder = await newFolder();
    await appendFile(join(folder, 'notes.txt'), 'mine');
    const spill = await spillIn(folder);
    await spill.close();
    expect(await readdir(folder)).toEqual(['notes.txt']);
  });

  it('refuses what does not fit, and takes batches again as soon as others are settled', async () => {
    const folder = await newFolder();
    const spill = await spillIn(folder, { maxBytes: 1_048_576 });
    const taken: SpilledBatch[] = [];
    for (;;) {
      const next = batch(50_000);
      const end = await spill.append(next).then(
        () => 'taken',
        ({ code }: { code: string }) => code,
      );
      if (end !== 'taken') {
        expect(end).toBe('SPILL_FULL');
        break;
      }
      taken.push(next);
    }
    expect(taken.length).toBeGreaterThan(15);
    expect(await sizeOf(folder)).toBeLessThanOrEqual(1_048_576);
    for (const { id } of taken.splice(0, 10)) spill.done(id);
    const more = batch(50_000);
    await spill.append(batch(10)).catch(() => undefined);
    await spill.append(more);
    const found = await recover(await spillIn(await crash(folder)));
    const ids = found.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([...taken.map(({ id }) => id), more.id]));
  });

  it('is not held up by one batch that is never settled', async () => {
    const folder = await newFolder();
    const spill = await spillIn(folder, { maxBytes: 1_048_576 });
    const stuck = batch(1_000);
    await spill.append(stuck);
    for (let n = 0; n < 100; n += 1) {
      const next = batch(50_000);
      await spill.append(next);
      spill.done(next.id);
    }
    expect(await sizeOf(folder)).toBeLessThanOrEqual(1_048_576);
    const found = await recover(await spillIn(await crash(folder)));
    expect(found).toContainEqual(stuck);
    expect(found.length).toBeLessThanOrEqual(2);
  });

  it('is used by one publisher at a time, and left behind by one that was killed', async () => {
    const folder = await newFolder();
    const spill = await spillIn(folder);
    await expect(openSpill({ folder })).rejects.toMatchObject({ code: 'SPILL_FAILED' });
    await spill.close();
    await writeFile(
      join(folder, 'lock.json'),
      JSON.stringify({ pid: 999_999_999, startedAt: '1' }),
    );
    await (await spillIn(folder)).close();
    // A number that the system has given away again.
    await writeFile(
      join(folder, 'lock.json'),
      JSON.stringify({ pid: process.ppid, startedAt: '1' }),
    );
    await (await spillIn(folder)).close();
  });

  it('says what is wrong with its options, and with its folder', async () => {
    await expect(openSpill({ folder: '', maxBytes: 1 })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: 'folder: expected a path\nmaxBytes: expected at least 1048576, got 1',
    });
    const file = join(await newFolder(), 'file');
    await writeFile(file, '');
    await expect(openSpill({ folder: file })).rejects.toMatchObject({ code: 'SPILL_FAILED' });
  });

  it('loses and doubles nothing, whatever is appended, settled and read in whatever order', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 1, max: 60_000 }) },
      { weight: 3, arbitrary: fc.constant('settle') },
      { weight: 1, arbitrary: fc.constant('crash') },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        let folder = await newFolder();
        let spill = await openSpill({ folder, maxBytes: 1_048_576 });
        const kept = new Map<string, SpilledBatch>();
        const settled = new Set<string>();
        for (const what of steps) {
          if (typeof what === 'number') {
            const next = batch(what);
            await spill.append(next).then(
              () => kept.set(next.id, next),
              () => undefined,
            );
          } else if (what === 'settle') {
            const [id] = kept.keys();
            if (id === undefined) continue;
            kept.delete(id);
            settled.add(id);
            spill.done(id);
          } else {
            const copy = await crash(folder);
            await spill.close();
            folder = copy;
            spill = await openSpill({ folder, maxBytes: 1_048_576 });
            const found = await recover(spill);
            const ids = found.map(({ id }) => id);
            expect(new Set(ids).size).toBe(ids.length);
            for (const [id, one] of kept) expect(found.find((f) => f.id === id)).toEqual(one);
            // The last settlements may not be on disk yet: those batches come again.
            for (const id of ids) expect(kept.has(id) || settled.has(id)).toBe(true);
            for (const id of ids) if (!kept.has(id)) spill.done(id);
          }
        }
        await spill.close();
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});
