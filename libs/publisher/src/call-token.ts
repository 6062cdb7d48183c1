import { Metadata } from '@grpc/grpc-js';

/** A bearer token, or what gives it for each call. */
export type TokenSource = string | (() => string);

/** RFC 6750, 2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Whether a text may be sent as a bearer token. */
export function isToken(text: unknown): text is string {
  return typeof text === 'string' && TOKEN.test(text);
}

/** The token of the calls of one connection, and which one was sent last. */
export class CallToken {
  #sent: string | undefined;

  constructor(private readonly source: TokenSource | undefined) {}

  /** For the next call. Without a source, or where it gives no token, the call bears none. */
  metadata(): Metadata {
    const metadata = new Metadata();
    this.#sent = this.#token();
    if (this.#sent !== undefined) metadata.set('authorization', `Bearer ${this.#sent}`);
    return metadata;
  }

  /** Whether the next call would bear another token than the last one did: it may be let in again. */
  get isRenewed(): boolean {
    const token = this.#token();
    return token !== undefined && token !== this.#sent;
  }

  #token(): string | undefined {
    const { source } = this;
    if (source === undefined) return undefined;
    const token = typeof source === 'string' ? source : source();
    return isToken(token) ? token : undefined;
  }
}
