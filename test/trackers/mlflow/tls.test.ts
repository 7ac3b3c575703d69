import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkMlflow, type MlflowOptions } from '../../../src/trackers/index.ts';
import { startTestRun } from '../../training/starting.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { certificate } from './certificate.ts';
import { MlflowStandIn } from './mlflow-server.ts';

/** Says who is asked for, as the server's `basic-auth` does. */
const UNKNOWN = { status: 401, text: 'You are not authenticated.' };
const BASIC = `Basic ${Buffer.from('me:hush').toString('base64')}`;

let standIn: MlflowStandIn;
let proxy: Server | undefined;
beforeEach(async () => {
  standIn = await MlflowStandIn.start();
});
afterEach(async () => {
  proxy?.closeAllConnections();
  proxy?.close();
  await standIn.server.close();
});

async function secured(files: { cert: string; key: string }): Promise<string> {
  proxy = createServer(
    { cert: readFileSync(files.cert), key: readFileSync(files.key) },
    (incoming, reply) => {
      const { method, url, headers } = incoming;
      const target = new URL(url ?? '/', standIn.url);
      const outgoing = request(target, { method, headers }, (answer) => {
        reply.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(reply);
      });
      incoming.pipe(outgoing);
    },
  );
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return `https://127.0.0.1:${(proxy.address() as { port: number }).port}`;
}

describe('MLflow behind TLS and a password', () => {
  it('is reached with its certificate and its password, in its workspace; else it is said what is wrong', async (test) => {
    const folder = temporaryFolder();
    const files = certificate(folder);
    if (!files) {
      test.skip('there is no openssl to make a certificate with');
      return;
    }
    const trackingUri = await secured(files);
    const workspaces = new Set<unknown>();
    standIn.disturb = ({ headers }) => {
      workspaces.add(headers['x-mlflow-workspace']);
      return headers.authorization === BASIC ? undefined : UNKNOWN;
    };
    const options: MlflowOptions = {
      trackingUri,
      serverCertPath: files.cert,
      username: 'me',
      password: 'hush',
      workspace: 'team-a',
    };
    const failureOf = async (changed: MlflowOptions): Promise<string> =>
      (await checkMlflow({ ...options, ...changed }, {}))
        .filter(({ state }) => state === 'fail')
        .map(({ message }) => message)
        .join();
    const { serverCertPath: _, ...unknownAuthority } = options;
    expect((await checkMlflow(unknownAuthority, {})).map(({ message }) => message).join()).toMatch(
      /certificate/,
    );
    expect(await failureOf({ password: 'guessed' })).toMatch(/MLFLOW_TRACKING_USERNAME/);
    expect(await failureOf({ password: 'guessed' })).not.toMatch(/guessed|hush/);
    expect(await failureOf({})).toBe('');
    expect(await failureOf({ insecureTls: true })).toBe('');

    const { run } = await startTestRun({
      journalDir: folder,
      exporter: false,
      trackers: [{ platform: 'mlflow', experimentName: 'x', ...options }],
    });
    run.step({ 'train/loss': 1 });
    await run.finish();
    expect(run.stats().trackers).toMatchObject([{ status: 'current', lag: 0 }]);
    expect(standIn.steps('train/loss')).toEqual([0]);
    expect([...workspaces]).toEqual(['team-a']);
  });
});
