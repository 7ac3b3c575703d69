import {
  type Destination,
  findCollector,
  isDestination,
  neededComponents,
  planCollector,
  runCollector,
} from 'llm-otel/collector';
import { choosePort } from './ports.ts';

/** A Collector on this machine that can be put before the hub. */
export interface CollectorWay {
  start(options: {
    hub: string;
    token: string | undefined;
    stateDir: string;
    /** OTLP over HTTP. */
    port: number;
    /** The other ports: the usual ones where they are free, or any. */
    otherPorts: 'usual' | 'any';
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
  { hub, token, stateDir, port, otherPorts }: Parameters<CollectorWay['start']>[0],
  say: (text: string) => void,
): Promise<CollectorBefore> {
  const given = otherPorts === 'any' ? 0 : undefined;
  const other = async (what: string, usual: number) =>
    String(await choosePort({ what: `the Collector's ${what}`, given, usual }, say));
  const plan = planCollector({
    destinations,
    env: { ...process.env, LLM_OTEL_HUB_TOKEN: token },
    flags: {
      HUB_ENDPOINT: hub,
      OTELCOL_STATE: stateDir,
      OTELCOL_HTTP_PORT: String(port),
      OTELCOL_GRPC_PORT: await other('OTLP over gRPC', 4317),
      OTELCOL_HEALTH_PORT: await other('health check', 13133),
      OTELCOL_METRICS_PORT: await other('own metrics', 8888),
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
