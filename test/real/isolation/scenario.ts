import { setTimeout as wait } from 'node:timers/promises';
import { type Load, startLoad } from './client.ts';
import { Collector, freePorts, sumOf } from './collector.ts';
import { mountSmallDisk, type SmallDisk } from './disk.ts';
import { readFiles } from './files.ts';
import { Ledger, quantile } from './ledger.ts';
import { type IsolationRow, rounded } from './row.ts';
import {
  configsOf,
  type Destination,
  exporterOf,
  makePlace,
  type Place,
  type Remote,
  removePlace,
  SHIPPED,
} from './shipped.ts';
import { type Behaviour, Sink, TAKE } from './sink.ts';

/** How much is sent, and how long is waited for what. */
export interface Pace {
  /** Requests a second and signal, items in each, requests in all. */
  rate: number;
  items: number;
  requests: number;
  /** Where the client is answered 503 and waits, the sickness ends after this time; elsewhere when the load is through. */
  sickForMs: number;
  /** Longest wait for a destination to have everything. */
  patienceMs: number;
}

export interface Scenario {
  name: string;
  destinations: readonly Destination[];
  /** Of the destinations that are not healthy from the start. */
  sick: Partial<Record<Remote, Behaviour>>;
  /** Files of `options/` beside the destinations. */
  options?: readonly string[];
  /** What is full until the recovery: the disk of the file destination, or of the queues. */
  fullDisk?: 'files' | 'queues';
  /** Sizes of queues, bytes; default: as shipped. */
  queueBytes?: Partial<Record<Remote, number>>;
  /** Sick ones that may lose in the end what the Collector's own metrics count; the others must have everything. */
  mayDrop?: readonly Remote[];
  /** The same for the files. */
  fileMayDrop?: boolean;
  /** Whether the client may be asked to send again (503). */
  clientMayWait?: boolean;
}

/** More than the longest load writes into files: the disk must be full only as long as it is meant to be. */
const DISK_BYTES = 256 * 1024 * 1024;
/** What is left on a full disk: less than a request. */
const LEFT_BYTES = 4096;

/** Runs one scenario with a Collector of its own. The figures end in what they measure: `_s`, `_ms`, or they are counts. */
export async function runScenario(binary: string, scenario: Scenario, pace: Pace): Promise<IsolationRow> {
  const disk = scenario.fullDisk === undefined ? undefined : mountSmallDisk(DISK_BYTES);
  if (disk && 'missing' in disk) return { name: scenario.name, holds: false, not_run: disk.missing };
  const place = await makePlace(
    disk === undefined ? {} : scenario.fullDisk === 'files' ? { files: disk.folder } : { state: disk.folder },
  );
  const stage = new Stage(binary, scenario, pace, place, disk);
  try {
    return await stage.play();
  } finally {
    await stage.clear();
    removePlace(place);
    disk?.remove();
  }
}

class Stage {
  readonly #binary: string;
  readonly #scenario: Scenario;
  readonly #pace: Pace;
  readonly #place: Place;
  readonly #disk: SmallDisk | undefined;
  readonly #sinks = new Map<Remote, Sink>();
  readonly #ledger = new Ledger();
  #collector: Collector | undefined;
  #load: Load | undefined;

  constructor(binary: string, scenario: Scenario, pace: Pace, place: Place, disk: SmallDisk | undefined) {
    this.#binary = binary;
    this.#scenario = scenario;
    this.#pace = pace;
    this.#place = place;
    this.#disk = disk;
  }

  async play(): Promise<IsolationRow> {
    const { sick, name, clientMayWait = false } = this.#scenario;
    const { rate, items, requests, sickForMs, patienceMs } = this.#pace;
    const ledger = this.#ledger;
    const collector = await this.#start();
    this.#disk?.fill(LEFT_BYTES);

    const load = startLoad({ url: this.#place.url, ledger, rate, items, requests });
    this.#load = load;
    const began = performance.now();
    // Where the client need not wait, the whole load passes during the sickness.
    const passed = await Promise.race([
      load.done.then(() => true),
      wait(clientMayWait ? sickForMs : patienceMs, false, { ref: false }),
    ]);
    const healthy = [...this.#sinks].filter(([remote]) => sick[remote] === undefined);
    const figures: Record<string, number | string | null> = {};
    // Where the client has to wait for the recovery, the healthy ones have so far what was acknowledged so far.
    for (const [remote, sink] of healthy) {
      await sink.until(() => sink.receipts.has(ledger, SHIPPED[remote].signals), patienceMs);
    }
    figures['healthy_after_s'] = rounded((performance.now() - began) / 1000, 2);
    const seenSick = { ...load.seen.answers };

    this.#disk?.free();
    for (const [remote] of Object.entries(sick)) await this.#sinks.get(remote as Remote)?.behave(TAKE);
    const recovered = performance.now();
    await Promise.race([load.done, wait(patienceMs, undefined, { ref: false })]);
    load.abandon();
    await load.done;
    const complete = await Promise.all(
      [...this.#sinks].map(async ([remote, sink]) => {
        const ok = await this.#caughtUp(collector, remote, sink);
        if (sick[remote] !== undefined) figures[`${remote}_caught_up_s`] = ok ? since(recovered) : null;
        return ok;
      }),
    );
    const account = await this.#account(collector, load, seenSick, figures);
    const holds = account && complete.every(Boolean) && (passed || clientMayWait);
    return { name, holds, ...figures };
  }

  /** Waits for a destination to have everything, or everything but what the Collector says it dropped. */
  async #caughtUp(collector: Collector, remote: Remote, sink: Sink): Promise<boolean> {
    const { signals } = SHIPPED[remote];
    const { patienceMs } = this.#pace;
    if (!this.#mayDrop(remote)) return sink.until(() => sink.receipts.has(this.#ledger, signals), patienceMs);
    const due = signals.reduce((sum, signal) => sum + this.#ledger.acknowledged[signal].size, 0);
    const began = performance.now();
    while (performance.now() - began < patienceMs) {
      const dropped = await this.#dropped(collector, exporterOf(remote));
      // What is dropped is no event here: look again after a second in which nothing more came.
      if (await sink.until(() => sink.receipts.total + dropped >= due, 1000)) return true;
    }
    return false;
  }

  #mayDrop(remote: Remote): boolean {
    return this.#scenario.mayDrop?.includes(remote) ?? false;
  }

  async #start(): Promise<Collector> {
    const { destinations, sick, queueBytes } = this.#scenario;
    const remotes = destinations.filter((each): each is Remote => each !== 'file');
    const ports = await freePorts(remotes.length);
    const env: Record<string, string> = { ...this.#place.env };
    for (const [i, remote] of remotes.entries()) {
      const sink = new Sink(ports[i] as number);
      this.#sinks.set(remote, sink);
      await sink.behave(sick[remote] ?? TAKE);
      const { endpoint, queueBytes: queue, needs } = SHIPPED[remote];
      Object.assign(env, needs, { [endpoint]: sink.url });
      if (queueBytes?.[remote] !== undefined) env[queue] = String(queueBytes[remote]);
    }
    this.#collector = await Collector.start({
      binary: this.#binary,
      configs: configsOf(destinations, this.#scenario.options),
      env,
      metricsPort: this.#place.metricsPort,
    });
    return this.#collector;
  }

  /** Fills in the figures; whether all promises were kept. */
  async #account(
    collector: Collector,
    load: Load,
    seenSick: Readonly<Record<string, number>>,
    figures: Record<string, number | string | null>,
  ): Promise<boolean> {
    const ledger = this.#ledger;
    const { destinations, sick, clientMayWait = false } = this.#scenario;
    let holds = load.seen.lost === 0 && (clientMayWait || load.seen.retries === 0);
    Object.assign(figures, {
      sent: ledger.sentTotal,
      acknowledged: ledger.acknowledgedTotal,
      client_saw: counts(seenSick),
      client_retries: load.seen.retries,
      client_p50_ms: rounded(quantile(load.seen.latencies, 0.5), 1),
      client_p99_ms: rounded(quantile(load.seen.latencies, 0.99), 1),
      client_longest_s: rounded(load.seen.longest / 1000, 1),
    });
    for (const [remote, sink] of this.#sinks) {
      const { signals } = SHIPPED[remote];
      const { receipts } = sink;
      const missing = receipts.missing(ledger, signals);
      figures[`${remote}_received`] = receipts.total;
      figures[`${remote}_missing`] = missing;
      figures[`${remote}_duplicates`] = receipts.duplicates;
      if (sick[remote] === undefined) {
        figures[`${remote}_delay_p50_ms`] = rounded(quantile(receipts.delays(ledger), 0.5));
        figures[`${remote}_delay_p99_ms`] = rounded(quantile(receipts.delays(ledger), 0.99));
        holds &&= missing === 0;
      } else if (this.#mayDrop(remote)) {
        const dropped = await this.#dropped(collector, exporterOf(remote));
        figures[`${remote}_dropped_and_counted`] = dropped;
        const due = signals.reduce((sum, signal) => sum + ledger.acknowledged[signal].size, 0);
        holds &&= receipts.total + dropped === due;
      } else holds &&= missing === 0;
    }
    const fileDropped = this.#scenario.fileMayDrop ? await this.#dropped(collector, 'file/') : 0;
    const { cpuSeconds, peakMib } = collector.usage();
    const { ms, killed } = await collector.stop();
    Object.assign(figures, {
      stop_s: killed ? null : rounded(ms / 1000, 1),
      cpu_s: rounded(cpuSeconds, 1),
      peak_mib: rounded(peakMib),
    });
    if (destinations.includes('file')) {
      const { receipts, torn, unreadable } = await readFiles(this.#place.files);
      Object.assign(figures, {
        file_received: receipts.total,
        file_missing: receipts.missing(ledger),
        file_duplicates: receipts.duplicates,
        file_torn: torn,
        ...(this.#scenario.fileMayDrop && { file_dropped_and_counted: fileDropped }),
      });
      holds &&= receipts.total + fileDropped >= ledger.acknowledgedTotal && unreadable === 0;
    }
    return holds;
  }

  /** What the Collector's own metrics say was dropped by exporters whose name starts so. */
  async #dropped(collector: Collector, exporter: string): Promise<number> {
    const lines = await collector.metrics();
    const label = `exporter="${exporter}`;
    return (
      sumOf(lines, 'otelcol_exporter_enqueue_failed_', label) +
      sumOf(lines, 'otelcol_exporter_send_failed_', label)
    );
  }

  async clear(): Promise<void> {
    this.#load?.abandon();
    await this.#load?.done;
    await this.#collector?.kill();
    for (const sink of this.#sinks.values()) await sink.close();
  }
}

const since = (began: number): number | null => rounded((performance.now() - began) / 1000, 2);

function counts(of: Readonly<Record<string, number>>): string {
  return Object.entries(of)
    .map(([what, count]) => `${count} x ${what}`)
    .join(', ');
}
