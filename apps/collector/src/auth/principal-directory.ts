import { EventOrigin } from '../ingest/event-origin';
import type { PrincipalEntry, QuotaEntry } from './principals-file';
import { TokenIndex, type KnownToken } from './token-index';

/** Whoever may make calls. One object for a name, for as long as the name is in the file. */
export interface Principal {
  readonly name: string;
  readonly origin: EventOrigin;
  readonly quota: QuotaEntry | undefined;
}

interface Lists {
  readonly byName: ReadonlyMap<string, MutablePrincipal>;
  readonly tokens: TokenIndex<Principal>;
  readonly bySubject: ReadonlyMap<string, Principal>;
  readonly byCertificate: ReadonlyMap<string, Principal>;
}

type MutablePrincipal = { -readonly [K in keyof Principal]: Principal[K] };

/** The principals that there are, by what proves who they are. */
export class PrincipalDirectory {
  private lists: Lists = listsOf([], new Map());
  /** Grows with each change, so that what was found before can be looked up again. */
  generation = 0;

  /** Takes the place of all that were there; open streams feel new rights at their next event. */
  replace(entries: readonly PrincipalEntry[]): void {
    this.lists = listsOf(entries, this.lists.byName);
    this.generation += 1;
  }

  findToken(digest: Buffer): KnownToken<Principal> | undefined {
    return this.lists.tokens.find(digest);
  }

  findSubject(subject: string): Principal | undefined {
    return this.lists.bySubject.get(subject);
  }

  /** @param names of a certificate, as `CN=…` and `URI=…` */
  findCertificate(names: readonly string[]): Principal | undefined {
    for (const name of names) {
      const found = this.lists.byCertificate.get(name);
      if (found) return found;
    }
    return undefined;
  }
}

function listsOf(
  entries: readonly PrincipalEntry[],
  before: ReadonlyMap<string, MutablePrincipal>,
): Lists {
  const byName = new Map<string, MutablePrincipal>();
  const bySubject = new Map<string, Principal>();
  const byCertificate = new Map<string, Principal>();
  const tokens: KnownToken<Principal>[] = [];
  for (const { name, eventTypes, quota, ...proofs } of entries) {
    const known = before.get(name);
    known?.origin.allow(eventTypes);
    const principal = known ?? { name, origin: new EventOrigin(name, eventTypes), quota };
    principal.quota = quota;
    byName.set(name, principal);
    for (const { sha256, expiresAt } of proofs.tokens) {
      tokens.push({ digest: Buffer.from(sha256, 'hex'), expiresAt, owner: principal });
    }
    for (const subject of proofs.jwtSubjects) bySubject.set(subject, principal);
    for (const certificate of proofs.certificates) byCertificate.set(certificate, principal);
  }
  return { byName, bySubject, byCertificate, tokens: new TokenIndex(tokens) };
}
