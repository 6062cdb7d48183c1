import { messageOf } from '@event-pipeline/runtime';

const ANSWER_LIMIT_MS = 3_000;

/** Asks a program over HTTP. Rejects where it does not answer in time. */
export async function get(url: string): Promise<{ status: number; body: string }> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    headers: { connection: 'close' },
  });
  return { status: response.status, body: await response.text() };
}

/** Undefined once the program is ready, else why it is not. Never rejects. */
export async function whyNotReady(baseUrl: string): Promise<string | undefined> {
  try {
    const { status, body } = await get(`${baseUrl}/readyz`);
    if (status === 200) return undefined;
    const { reason } = JSON.parse(body) as { reason?: unknown };
    return String(reason);
  } catch (error) {
    // "fetch failed" says nothing to a person; what is behind it does.
    const { cause } = error as { cause?: unknown };
    const isRefused = (cause as { code?: unknown } | undefined)?.code === 'ECONNREFUSED';
    if (isRefused) return 'it does not listen on its HTTP port yet';
    return `its HTTP port does not answer yet (${messageOf(cause ?? error)})`;
  }
}
