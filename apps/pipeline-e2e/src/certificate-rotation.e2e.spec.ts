import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { TestAuthority, type TestPair } from '@event-pipeline/runtime/testing';
import { tell } from './harness/fault-scale';
import {
  Program,
  metricOf,
  metricSum,
  startCollector,
  type ProducerSummary,
} from './harness/program';
import { ENGINES } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

/** Every way of sending, each with a long connection of its own. */
const MODES = ['batch', 'stream', 'unary'] as const;
/** Events a second of each producer. */
const RATE = 1_000;

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe.each(ENGINES)('certificates on the %s engine', (_, createEngine) => {
  it('are replaced under load, a broken pair among them, and no event and no stream is lost', async () => {
    const engine = await createEngine(scratch);
    const folder = await scratch.folder();
    const authority = await TestAuthority.create(folder);
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    const replace = async (pair: TestPair) => {
      await copyFile(pair.cert, cert);
      await copyFile(pair.key, key);
    };
    const client = await authority.issue('producer');
    await replace(await authority.issue('first'));
    const collector = await startCollector(
      {
        ...engine.variables,
        COLLECTOR_TLS_CERT_FILE: cert,
        COLLECTOR_TLS_KEY_FILE: key,
        COLLECTOR_TLS_CLIENT_CA_FILE: authority.ca,
      },
      scratch,
    );
    const reloads = (result: string) =>
      metricOf(
        collector.httpUrl,
        `pipeline_certificate_reloads_total{server="grpc",result="${result}"}`,
      );

    const clientVariables = {
      CLIENT_TLS_CA_FILE: authority.ca,
      CLIENT_TLS_CERT_FILE: client.cert,
      CLIENT_TLS_KEY_FILE: client.key,
    };
    const options = ['--json', '--rate', String(RATE), '--count', '10000000', '--batch-size', '20'];
    const to = ['--collector', collector.address];
    const producers = MODES.map(
      (mode) =>
        new Program('producer', clientVariables, [...to, ...options, '--mode', mode], scratch),
    );
    const accepted = () => metricSum(collector.httpUrl, 'pipeline_events_accepted_total');
    const moreIsAccepted = async () => {
      const before = await accepted();
      await until('more is accepted', async () => (await accepted()) > before + RATE);
    };
    await moreIsAccepted();

    for (const name of ['second', 'third', 'fourth']) {
      const taken = await reloads('taken');
      await replace(await authority.issue(name));
      await until(`${name} is taken`, async () => (await reloads('taken')) === taken + 1);
      expect(await shownName(collector.address, authority.ca)).toBe(name);
      await moreIsAccepted();
      const refused = await reloads('refused');
      await writeFile(key, `-----BEGIN PRIVATE KEY-----\n${name}\n-----END PRIVATE KEY-----\n`);
      await until('a broken one is refused', async () => (await reloads('refused')) > refused);
      expect(await shownName(collector.address, authority.ca)).toBe(name);
      await moreIsAccepted();
    }

    for (const program of producers) program.signal('SIGINT');
    const exits = await Promise.all(producers.map(({ exited }) => exited));
    expect(exits.map(({ code }) => code)).toEqual([130, 130, 130]);
    const summaries = producers.map(({ stdout }) => JSON.parse(stdout) as ProducerSummary);
    for (const { sent, acknowledged, resent } of summaries) {
      expect({ acknowledged, resent }).toEqual({ acknowledged: sent, resent: 0 });
    }
    const sent = summaries.reduce((sum, summary) => sum + summary.sent, 0);
    expect((await engine.stats()).enqueued).toBe(sent);
    expect(await metricSum(collector.httpUrl, 'pipeline_calls_failed_total')).toBe(0);
    tell(
      `${sent} events, certificates taken 3 times and refused ${await reloads('refused')} times`,
    );
    expect(collector.program.output.join('\n')).not.toContain('PRIVATE KEY');
  }, 180_000);
});

/** The name in the certificate that a new connection is shown. */
async function shownName(address: string, caFile: string): Promise<string> {
  const ca = await readFile(caFile);
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const where = { host, port: Number(port), ca, ALPNProtocols: ['h2'] };
    const socket = connect(where, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
