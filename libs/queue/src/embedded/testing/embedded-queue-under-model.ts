import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Queue } from '../../queue';
import type { EngineUnderModel } from '../../testing/model/queue-under-model';
import { ShiftedClock, countKeys, embeddedFolder, buryForeign } from './embedded-queue-under-test';

/** Time passes only where a run says so. */
class StandingClock extends ShiftedClock {
  override now(): number {
    return Date.UTC(2030, 0, 1) + this.aheadMs;
  }
}

/** In memory where there is such a folder: what reaches a disk is not the model tests' concern. */
const PARENT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export const embeddedEngine: EngineUnderModel = {
  manner: 'embedded',
  async open() {
    const path = mkdtempSync(join(PARENT, 'queue-model-'));
    const folder = embeddedFolder(path, new StandingClock());
    const users: [Queue, Queue] = [await folder.open(), await folder.open()];
    return {
      users,
      passTime: (ms) => Promise.resolve(void (folder.clock.aheadMs += ms)),
      buryForeign: (body) => buryForeign(folder, body),
      restart: async (user) => {
        await users[user].close();
        users[user] = await folder.open();
      },
      expectNothingLeft: async (deadLetters) => {
        const { dead = 0, ...kinds } = await countKeys(folder);
        expect(dead).toBe(deadLetters);
        expect(['batch', 'expiry', 'queue', 'state']).toEqual(
          expect.arrayContaining(Object.keys(kinds)),
        );
      },
      dispose: folder.dispose,
    };
  },
};
