import type { RunEndStatus } from '../../conventions/index.ts';
import type {
  RunSink,
  SinkArtifact,
  SinkContext,
  SinkLimits,
  SinkMap,
  SinkRecord,
  SinkRun,
  SinkState,
} from '../sink.ts';
import { SinkUnavailable } from '../sink-errors.ts';
import { assetOf, codeAssets } from './assets.ts';
import { CometClient, PATHS } from './client.ts';
import type { CometSettings } from './config.ts';
import {
  cometTags,
  experimentKey,
  hasNested,
  NESTED,
  type Parameter,
  parametersOf,
  projectName,
} from './experiment.ts';
import { batchOf, lastMetrics, type OutputLine } from './messages.ts';
import { detailsOf, machineDetails } from './run-details.ts';
import { Thinning, type ThinningState } from './thinning.ts';
import { type CometTime, ValueSender } from './value-sender.ts';

/** Parameters of a request; Comet's own client sends each 2 s, and says each 10 s that it is alive. */
const VALUES = 1000;
const OUTPUT_LINES = 500;
const BEAT_MS = 10_000;
const LIMITS: SinkLimits = {
  maxRecords: 1000,
  maxValues: 3000,
  maxBytes: 2 * 1024 * 1024,
  lingerMs: 2000,
  heartbeatMs: BEAT_MS,
};
const REAL_TIME: CometTime = {
  now: Date.now,
  monotonic: () => performance.now(),
  wait: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(done, milliseconds);
      function done(): void {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        if (signal?.aborted) reject(new SinkUnavailable('stopped while waiting for the rate limit'));
        else resolve();
      }
      signal?.addEventListener('abort', done, { once: true });
      if (signal?.aborted) done();
    }),
};

/** A run as an experiment at Comet, sent in batches as Comet's own client does, within its rate limits. */
export class CometOnlineSink implements RunSink {
  readonly name = 'comet';
  readonly target: string;
  readonly limits = LIMITS;
  readonly #settings: CometSettings;
  readonly #client: CometClient;
  readonly #time: CometTime;
  readonly #values: ValueSender;
  #context: SinkContext | undefined;
  #key: string | undefined;
  #ids: { readonly runId: unknown; readonly projectId: unknown } = { runId: null, projectId: null };
  #url: string | undefined;
  #startedAt = 0;
  #thinning: ThinningState = {};
  #lines = 0;
  #closed = false;
  #described = false;
  #beatAt = -Infinity;

  constructor(settings: CometSettings, client = new CometClient(settings), time: CometTime = REAL_TIME) {
    this.#settings = settings;
    this.#client = client;
    this.#time = time;
    this.#values = new ValueSender(client, time);
    this.target = [settings.baseUrl, settings.workspace, settings.projectName]
      .filter((part) => part !== undefined)
      .join('/');
  }

  async open(run: SinkRun, context?: SinkContext, signal?: AbortSignal): Promise<void> {
    this.#context = context;
    const state = context?.state;
    const key = experimentKey(run, this.#settings);
    const common = {
      apiKey: this.#client.key(),
      local_timestamp: this.#time.now(),
      offline: false,
      projectName: projectName(run, this.#settings),
      teamName: this.#settings.workspace ?? null,
      libVersion: 'llm-otel',
    };
    // the same key twice (a crash before the first answer was kept) is the same experiment
    const reply = state
      ? await this.#client.post(
          PATHS.getRun,
          { ...common, experimentKey: key, previousExperiment: key },
          signal,
        )
      : await this.#client.post(
          PATHS.addRun,
          { ...common, experimentKey: key, getOrCreateEnabled: true },
          signal,
        );
    this.#key = key;
    this.#ids = { runId: reply['runId'] ?? null, projectId: reply['project_id'] ?? null };
    const focus = reply['focusUrl'];
    this.#url =
      typeof focus === 'string' && URL.canParse(focus) ? `${focus.replace(/\/+$/, '')}/${key}` : undefined;
    this.#startedAt = Number(state?.['startedAt'] ?? run.startedAt);
    this.#thinning = (state?.['thinning'] as ThinningState | undefined) ?? {};
    this.#lines = Number(state?.['lines'] ?? 0);
    this.#values.open(key, state);
    this.#closed = false;
    this.#described = state?.['described'] === true;
    await this.#beat(true, signal);
    if (!this.#described) await this.#describe(run, signal);
  }

  async write(batch: readonly SinkRecord[], signal?: AbortSignal): Promise<void> {
    const thinning = new Thinning(this.#thinning);
    const { metrics, parameters, tags, nested, histograms, output } = batchOf(
      batch,
      thinning,
      this.#settings.autoLog,
    );
    await this.#parameters(parameters, signal);
    if (nested) await this.#others([{ name: NESTED, value: true, cut: false }], signal);
    await this.#tags(tags, signal);
    const lines = await this.#output(output, this.#lines, signal);
    // all before may come twice
    await this.#values.histograms(histograms, signal);
    await this.#values.metrics(metrics, signal);
    if (thinning.left > 0)
      this.#context?.warn(
        'Comet keeps 15,000 values of a metric: beyond the 4096th every second one is sent, then every fourth and so on. All of them are in the journal and the hub.',
      );
    this.#thinning = thinning.state();
    this.#lines = lines;
    if (batch.length === 0 || this.#time.monotonic() - this.#beatAt >= BEAT_MS)
      await this.#beat(true, signal);
  }

  async artifact(artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    const found = await assetOf(artifact, this.#settings, (message) => this.#context?.warn(message));
    if (!found) return;
    const experimentKey = this.#experiment();
    if ('graph' in found) await this.#client.post(PATHS.graph, { experimentKey, graph: found.graph }, signal);
    else
      await this.#client.upload(
        experimentKey,
        found.asset,
        { path: artifact.path, size: found.size },
        signal,
      );
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    signal?: AbortSignal,
    endedAt = this.#time.now(),
  ): Promise<void> {
    if (this.#key !== undefined && status !== undefined) {
      const thinning = new Thinning(this.#thinning);
      await this.#values.late(lastMetrics(thinning), signal);
      await this.#others(parametersOf(summary), signal);
      const experimentKey = this.#key;
      await this.#client.post(
        PATHS.times,
        { experimentKey, startTimeMillis: Math.floor(this.#startedAt), endTimeMillis: Math.floor(endedAt) },
        signal,
      );
      await this.#client.post(PATHS.other, { experimentKey, key: 'status', value: status }, signal);
      if (status !== 'finished')
        await this.#client.post(
          PATHS.failure,
          { experimentKey, isAlive: false, error: `the run was ${status}`, hasCrashed: true },
          signal,
        );
      await this.#beat(false, signal);
      this.#thinning = thinning.state();
    }
    this.#closed = true;
    this.#client.close();
  }

  state(): SinkState | undefined {
    if (this.#key === undefined) return undefined;
    return {
      startedAt: this.#startedAt,
      thinning: Object.fromEntries(
        Object.entries(this.#thinning).map(([key, [count, skipped]]) => [key, [count, skipped]]),
      ),
      lines: this.#lines,
      ...this.#values.state(this.#closed),
      described: this.#described,
    };
  }

  url(): string | undefined {
    return this.#url;
  }

  #experiment(): string {
    if (this.#key === undefined) throw new SinkUnavailable('the experiment is not open at Comet');
    return this.#key;
  }

  async #describe(run: SinkRun, signal?: AbortSignal): Promise<void> {
    const experimentKey = this.#experiment();
    const settings = this.#settings;
    const name = settings.experimentName ?? run.name;
    await this.#others([{ name: 'Name', value: name, cut: false }], signal);
    if (run.group !== undefined)
      await this.#others([{ name: 'group', value: run.group, cut: false }], signal);
    await this.#tags([...settings.tags, ...cometTags(run.tags)], signal);
    const time = Math.floor(run.startedAt);
    await this.#parameters(
      parametersOf(run.params).map((parameter) => ({ ...parameter, time })),
      signal,
    );
    if (hasNested(run.params)) await this.#others([{ name: NESTED, value: true, cut: false }], signal);
    const { command, program, executable, git } = detailsOf(run);
    if (settings.autoLog) {
      if (program !== undefined)
        await this.#client.post(PATHS.fileName, { experimentKey, filePath: program }, signal);
      await this.#client.post(
        PATHS.systemDetails,
        {
          experimentKey,
          command,
          executable: executable ?? null,
          hostname: run.host ?? null,
          pid: run.pid ?? null,
          startTimeMillis: time,
          ...machineDetails(run),
        },
        signal,
      );
    }
    if (git && (settings.autoLog || settings.logCode))
      await this.#client.post(PATHS.git, { experimentKey, ...git }, signal);
    if (settings.logCode)
      for (const { asset, bytes } of await codeAssets(run, (message) => this.#context?.warn(message)))
        await this.#client.upload(experimentKey, asset, bytes, signal);
    this.#described = true;
  }

  async #parameters(
    parameters: readonly (Parameter & { time: number })[],
    signal?: AbortSignal,
  ): Promise<void> {
    this.#tellCut(parameters);
    for (let at = 0; at < parameters.length; at += VALUES)
      await this.#client.post(
        PATHS.parameters,
        {
          experimentKey: this.#experiment(),
          values: parameters.slice(at, at + VALUES).map(({ name, value, time }) => ({
            parameterName: name,
            parameterValue: value,
            step: null,
            source: 'manual',
            context: null,
            timestamp: time,
          })),
        },
        signal,
      );
  }

  async #others(others: readonly Parameter[], signal?: AbortSignal): Promise<void> {
    this.#tellCut(others);
    for (const { name, value } of others)
      await this.#client.post(PATHS.other, { experimentKey: this.#experiment(), key: name, value }, signal);
  }

  #tellCut(parameters: readonly Parameter[]): void {
    for (const { name, cut } of parameters)
      if (cut)
        this.#context?.warn(`the value of ${name} is longer than the 1000 characters that Comet keeps: cut.`);
  }

  async #tags(tags: readonly string[], signal?: AbortSignal): Promise<void> {
    if (tags.length === 0) return;
    const body = {
      apiKey: this.#client.key(),
      experimentKey: this.#experiment(),
      addedTags: [...new Set(tags)],
    };
    await this.#client.post(PATHS.tags, body, signal);
  }

  /** The number of lines there are then. */
  async #output(output: readonly OutputLine[], lines: number, signal?: AbortSignal): Promise<number> {
    let offset = lines;
    for (let at = 0; at < output.length; at += OUTPUT_LINES) {
      const part = output.slice(at, at + OUTPUT_LINES);
      const outputLines = part.map(({ text, stderr, time }, index) => ({
        output: text,
        stderr,
        localTimestamp: time,
        offset: offset + index,
      }));
      await this.#client.post(
        PATHS.output,
        { experimentKey: this.#experiment(), runContext: null, outputLines },
        signal,
      );
      offset += part.length;
    }
    return offset;
  }

  async #beat(alive: boolean, signal?: AbortSignal): Promise<void> {
    await this.#client.post(
      PATHS.status,
      {
        apiKey: this.#client.key(),
        ...this.#ids,
        experimentKey: this.#experiment(),
        is_alive: alive,
        local_timestamp: this.#time.now(),
        offline: false,
      },
      signal,
    );
    this.#beatAt = this.#time.monotonic();
  }
}
