import { createServer } from 'node:net';
import {
  type Destination,
  findCollector,
  isDestination,
  neededComponents,
  planCollector,
  runCollector,
} from 'llm-otel/collector';

/** A Collector on this machine that can be put before the hub. */
export interface CollectorWay {
  start(options: {
    hub: string;
    token: string | undefined;
    stateDir: string;
    /** OTLP over HTTP; undefined: any free port, for this and for the others. */
    port: string | undefined;
  }): Promise<CollectorBefore>;
}
export interface CollectorBefore {
  /** Where programs send. */
  endpoint: string;
  /** For people. */
  sendsTo: string;
  /** When nothing waits for the hub any more (a minute at most), and nothing for the others (ten seconds at most). */
  delivered(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** @param destinations comma-separated; @returns undefined when there is no Collector that has what they need */
export async function findCollectorWay(
  destinations: string,
  say: (text: string) => void,
): Promise<CollectorWay | undefined> {
  const wanted = destinations.split(',').filter(isDestination);
  const needed = neededComponents(planCollector({ destinations: wanted }).sources);
  const { found, passedOver } = await findCollector({ env: process.env, needed });
  for (const { path, reason } of passedOver) say(`Collector ${path} is passed over: ${reason}`);
  return found && { start: (options) => start(found, wanted, options, say) };
}

async function start(
  found: { path: string; version: string },
  destinations: Destination[],
  { hub, token, stateDir, port }: Parameters<CollectorWay['start']>[0],
  say: (text: string) => void,
): Promise<CollectorBefore> {
  const free = port === undefined ? await freePorts(4) : [];
  const plan = planCollector({
    destinations,
    env: { ...process.env, LLM_OTEL_HUB_TOKEN: token },
    flags: {
      HUB_ENDPOINT: hub,
      OTELCOL_STATE: stateDir,
      OTELCOL_HTTP_PORT: port ?? free[0],
      OTELCOL_GRPC_PORT: free[1],
      OTELCOL_HEALTH_PORT: free[2],
      OTELCOL_METRICS_PORT: free[3],
    },
  });
  const running = runCollector({
    plan,
    path: found.path,
    env: process.env,
    log: (level, message) => say(`collector ${level}: ${message}`),
  });
  await running.ready.catch(async (error: unknown) => {
    await running.stop();
    throw error;
  });
  say(`Collector ${found.version} (${found.path})`);
  return {
    endpoint: plan.endpoints.http,
    sendsTo: destinations
      .map((name) => (name === 'hub' ? 'the hub' : name === 'file' ? `files in ${stateDir}/files` : name))
      .join(', '),
    async delivered(signal) {
      const began = Date.now();
      while (!signal.aborted && Date.now() - began < 60_000) {
        const waiting = (await running.status()).filter(
          ({ queueFill }) => queueFill !== 0 && queueFill !== null,
        );
        const patient = Date.now() - began < 10_000;
        if (!waiting.some(({ destination }) => patient || destination === 'hub')) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    stop: () => running.stop(),
  };
}

/** Ports that were free just now. */
async function freePorts(count: number): Promise<string[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer().once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  return Promise.all(
    servers.map(
      (server) =>
        new Promise<string>((resolve) => {
          const address = server.address();
          server.close(() => resolve(String(typeof address === 'object' ? address?.port : '')));
        }),
    ),
  );
}
