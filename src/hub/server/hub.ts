import { join } from 'node:path';
import { readTrackers, type Tracker } from '../../trackers/index.ts';
import { ROUTES } from '../api/routes.ts';
import { bridgedStore, hostSample, TrackerBridge } from '../bridge/index.ts';
import { createLiveFeed } from '../live/feed.ts';
import { sharedInFlight } from '../query/reading.ts';
import type { OtlpReceiver, ReceiverOptions } from '../receiver/index.ts';
import type { Store, StoreOptions } from '../store/store.ts';
import { createGate, isLoopback } from './gate.ts';
import { type Serving, createHandler } from './handler.ts';
import { ListenError, type Listener, listen } from './listen.ts';
import {
  DEFAULT_DATA_DIR,
  DEFAULT_HOST,
  DEFAULT_OTLP_PORT,
  DEFAULT_PORT,
  type HubOptions,
  HubOptionsError,
  objectives,
  protection,
} from './options.ts';
import { dashboardSettings } from './dashboard-settings.ts';
import { ownMetrics } from './own-metrics.ts';
import { createResponseCounts } from './response-counts.ts';
import { createSignIn } from './sign-in.ts';
import { defaultPageDir, readStaticFiles } from './static-files.ts';

export interface Hub {
  /** `http://host:port` of page, API and OTLP. */
  url: string;
  /** Address of the page to be opened; with a code that signs in once, where sign-in is asked for. */
  pageUrl: string;
  /** Base address for OTLP: the second port when there is one. */
  otlpUrl: string;
  /** Token for programs, where one is asked for. */
  token: string | undefined;
  store: Store;
  /** Ends live streams, lets requests under way finish (3 s at most), closes the store. Safe to call again. */
  stop(): Promise<void>;
}

/** The rooms that a hub is put together from. */
export interface HubParts {
  version: string;
  openStore: (options: StoreOptions) => Promise<Store>;
  createReceiver: (options: ReceiverOptions) => OtlpReceiver;
}

/** How long requests under way may take when the hub stops, ms. */
const GRACE = 3000;

/**
 * Starts a hub: first its ports, so that a taken one is told before the store is touched, then the store, then it
 * answers.
 * @throws `HubOptionsError`, `ListenError`, or what the store says when it cannot be opened.
 */
export async function assembleHub(parts: HubParts, options: HubOptions): Promise<Hub> {
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, log = () => {}, now = Date.now } = options;
  const { pageToken, otlpToken } = protection(options, process.env);
  if (!isLoopback(host) && pageToken === undefined)
    log(
      'warn',
      `listening on ${host} without a token (allowInsecure): everybody who reaches it can read and write`,
    );
  const trackers = trackersOf(options, log);
  const startedAt = now();
  const responses = createResponseCounts();
  let serving: Serving | undefined;
  const handlerOptions = {
    gate: createGate([...(options.allowedHosts ?? []), host], !isLoopback(host)),
    signIn: pageToken === undefined ? undefined : createSignIn(pageToken, `llm_otel_hub_${port}`, now),
    routes: ROUTES,
    files: readStaticFiles(options.pageDir ?? defaultPageDir()),
    serving: () => serving,
    count: responses.count,
    log,
  };
  const main = await listen(
    host,
    port,
    'the option port (llm-otel hub --port, monitoring.yaml: hub.port)',
    createHandler(handlerOptions, false),
  );
  const listeners: Listener[] = [main];
  let store: Store | undefined;
  try {
    const otlp = await listenForOtlp(host, options.otlpPort, createHandler(handlerOptions, true), log);
    if (otlp) listeners.push(otlp);
    const { dataDir = DEFAULT_DATA_DIR, retentionMs, maxBytes, maxSeries, interruptedAfterMs } = options;
    store = await parts.openStore({
      dataDir,
      retentionMs,
      maxBytes,
      maxSeries,
      interruptedAfterMs,
      now,
      log,
    });
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.stop(0)));
    throw error;
  }
  const kept = store;
  const { dataDir = DEFAULT_DATA_DIR } = options;
  const bridge =
    trackers.length === 0
      ? undefined
      : new TrackerBridge({
          dir: join(dataDir, 'trackers'),
          trackers,
          sample: (host, at) => hostSample(kept, host, at),
          log,
          now,
        });
  const opened = bridge ? bridgedStore(kept, bridge) : kept;
  const receive = parts.createReceiver({ store: opened, token: otlpToken, log });
  const live = createLiveFeed({ store: opened, version: parts.version, now, log });
  const exposition = () =>
    ownMetrics({
      version: parts.version,
      startedAt,
      store: opened.stats(),
      receiver: receive.stats(),
      live: { clients: live.clients(), dropped: live.dropped() },
      responses: responses.all(),
      memory: process.memoryUsage.rss(),
      cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    });
  serving = {
    context: {
      store: opened,
      reading: sharedInFlight(opened),
      live,
      now,
      startedAt,
      version: parts.version,
      objectives: objectives(options.slo),
      settings: { dashboard: dashboardSettings(options.dashboard, log) },
      exposition,
    },
    receive,
  };

  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    // What begins now is for the next hub; what has begun is answered.
    serving = undefined;
    live.close();
    await Promise.all(listeners.map((listener) => listener.stop(GRACE)));
    // what trackers have not got yet waits in its spool
    await bridge?.stop();
    await opened.close();
  }
  return {
    url: main.url,
    pageUrl: handlerOptions.signIn ? `${main.url}/?token=${handlerOptions.signIn.code()}` : `${main.url}/`,
    otlpUrl: listeners.at(-1)?.url ?? main.url,
    token: pageToken,
    store: opened,
    stop: () => (stopped ??= stop()),
  };
}

/** @throws `HubOptionsError` for a tracker that cannot be. */
function trackersOf(options: HubOptions, log: NonNullable<HubOptions['log']>): Tracker[] {
  try {
    return readTrackers(options.trackers ?? [], {
      env: process.env,
      warn: (message) => log('warn', `trackers: ${message}`),
    });
  } catch (error) {
    throw new HubOptionsError(`trackers: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** The second port. The default one may belong to a Collector: then the first port is enough. */
async function listenForOtlp(
  host: string,
  port: number | false | undefined,
  handler: Parameters<typeof listen>[3],
  log: NonNullable<HubOptions['log']>,
): Promise<Listener | undefined> {
  if (port === false) return undefined;
  try {
    return await listen(
      host,
      port ?? DEFAULT_OTLP_PORT,
      'the option otlpPort (llm-otel hub --otlp-port, monitoring.yaml: hub.otlp_port)',
      handler,
    );
  } catch (error) {
    if (port === undefined && error instanceof ListenError && error.code === 'EADDRINUSE') {
      log(
        'info',
        `port ${DEFAULT_OTLP_PORT} is taken, perhaps by a Collector: OTLP is received on the port of the page only`,
      );
      return undefined;
    }
    throw error;
  }
}
