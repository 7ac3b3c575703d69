import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { diag } from '@opentelemetry/api';
import { ATTR, ENV, EVENT, METRIC, unknownOptions } from '../conventions/index.ts';
import {
  addExitHook,
  createEventExporter,
  currentTelemetry,
  type EventExporter,
  gpuFacts,
  hostAttributes,
  type InstrumentRegistry,
  instruments as processInstruments,
  startTelemetry,
  type Telemetry,
} from '../telemetry/index.ts';
import { readTrackers, type Tracker } from '../trackers/index.ts';
import { type Clock, SystemClock } from './clock.ts';
import { Outbox } from './delivery/outbox.ts';
import { Sender } from './delivery/sender.ts';
import { JournalSource, LiveSource } from './delivery/source.ts';
import { claimRun, type Claim } from './claim.ts';
import { readRank } from './identity/rank.ts';
import { readSourceInfo } from './identity/source-info.ts';
import { RunInstruments } from './instruments.ts';
import { compressSegment } from './journal/compress.ts';
import { CursorFile } from './journal/cursor.ts';
import { rankFolder } from './journal/folder.ts';
import type { ResourceMap } from './journal/segment.ts';
import { JournalWriter } from './journal/writer.ts';
import { RunLifecycle } from './lifecycle.ts';
import { Phases } from './phases.ts';
import { plainMap } from './plain-values.ts';
import { RunRecords } from './records.ts';
import { Run, tagMap } from './run.ts';
import { RunLog } from './run-log.ts';
import { type RunFacts, START_RUN_OPTIONS, type StartRunOptions } from './run-options.ts';
import { RunTrackers } from './run-trackers.ts';
import { SlowSteps } from './slow-steps.ts';
import { SystemSampler } from './system-sample.ts';
import { KeyStates } from './values/key-state.ts';
import { StopRequest } from './stop-request.ts';
import { StepRecorder } from './values/recorder.ts';

/**
 * Starts a run, and telemetry when nobody has started it yet.
 *
 * A training program must not fail for its telemetry: a receiver that is down, a journal that cannot be written, an
 * id that is taken are told (log, `onError`) and lived with. It rejects only for a `project` that is missing, for
 * `trackers` that cannot be, and for a tracker with `onSinkError: throw` that cannot be opened.
 */
export async function startRun(options: StartRunOptions): Promise<Run> {
  if (typeof options?.project !== 'string' || options.project === '')
    throw new TypeError(
      "startRun: project is missing; give the run's project, e.g. startRun({project: 'my-llm'})",
    );
  const env = options.env ?? process.env;
  const tell = teller(options.onError);
  for (const message of unknownOptions('startRun', options, START_RUN_OPTIONS)) tell(message);
  const telemetry = currentTelemetry() ?? start(options, tell);
  const clock = options.clock ?? new SystemClock();
  const trackers = readTrackers(options.trackers ?? [], { env, warn: tell });
  const rank = readRank(env, options);
  // Absolute, since a program may change its working directory.
  const journalDir = resolve(options.journalDir ?? (env[ENV.journalDir.name] || ENV.journalDir.default));
  const [claim, source] = await Promise.all([
    claimRun({ options, env, rank, journalDir, tell }),
    readSourceInfo(process.cwd(), process.argv),
  ]);
  const facts: RunFacts = {
    id: claim.id,
    name: claim.name,
    project: options.project,
    group: options.group,
    rank: rank.rank,
    worldSize: rank.worldSize,
    attempt: claim.attempt,
  };
  const run = assemble({ options, env, facts, claim, clock, telemetry, journalDir, trackers, tell });
  run.records.emit(
    EVENT.runStart,
    {
      [ATTR.runTags]: {
        ...(claim.resumedFrom ? { resumed_from: claim.resumedFrom } : {}),
        ...tagMap(options.tags),
      },
      [ATTR.runSource]: source,
    },
    plainMap(options.params),
  );
  run.log.flush(true);
  await run.lifecycle.trackersOpened();
  return new Run(run);
}

interface AssemblyInputs {
  options: StartRunOptions;
  env: Readonly<Record<string, string | undefined>>;
  facts: RunFacts;
  claim: Claim;
  clock: Clock;
  telemetry: Telemetry | undefined;
  journalDir: string;
  trackers: readonly Tracker[];
  tell: (message: string) => void;
}

/** Puts a run together. Effects: a timer, exit hooks, instruments. */
function assemble(inputs: AssemblyInputs) {
  const { options, env, facts, claim, clock, telemetry, journalDir, trackers: wanted, tell } = inputs;
  const dir = rankFolder(journalDir, facts.id, facts.rank);
  const resource = resourceOf(facts, telemetry, wanted, options.instruments ?? processInstruments);
  const sealing = new Set<Promise<unknown>>();
  const writer = new JournalWriter({
    dir,
    header: { run: facts.id, rank: facts.rank, attempt: facts.attempt, resource },
    segmentBytes: options.segmentBytes,
    fsync: options.fsync,
    fs: options.journalFs,
    onSealed: (path) => {
      const { compress } = options;
      if (!compress) return;
      const work = compressSegment(path, compress)
        .catch((error: unknown) =>
          tell(`A segment could not be compressed and stays as it is: ${messageOf(error)}`),
        )
        .finally(() => sealing.delete(work));
      sealing.add(work);
    },
  });
  const outbox = new Outbox(options.memoryRecords ?? 20_000);
  const registry = options.instruments ?? processInstruments;
  const dropped = registry
    .counter(METRIC.droppedItems, 'llm-otel')
    .bind({ [ATTR.droppedSignal]: 'run_events', [ATTR.droppedReason]: 'queue_full' });
  const monotonic = (): number => clock.monotonic();
  const epochNow = (): number => clock.epoch(clock.monotonic());

  let toldOfLoss = false;
  const log = new RunLog({
    writer,
    outbox,
    firstSeq: claim.firstSeq,
    flushInterval: options.flushInterval ?? 1000,
    monotonic,
    now: epochNow,
    onTaken: wanted.length === 0 ? undefined : (records) => trackers?.push(records),
    onFlushed: () => lifecycle.onFlushed(),
    onTrouble: (error) =>
      tell(
        `The journal in ${dir} cannot be written (${error.message}). The run goes on, and its records go to the receiver from memory; what neither of them takes is lost. Free or mend the disk, or set ${ENV.journalDir.name}.`,
      ),
    onHealed: () => {
      toldOfLoss = false;
      tell(`The journal in ${dir} can be written again.`);
    },
    onLost: (count) => {
      dropped.add(count);
      if (toldOfLoss) return;
      toldOfLoss = true;
      tell(
        `Steps are given up, ${count} to begin with: the journal cannot be written, and the receiver has not taken them. The run's stats() count them.`,
      );
    },
  });
  const records = new RunRecords(clock, log, (error) => lifecycle.onBroken(error));
  const instruments =
    options.gauges === false ? undefined : new RunInstruments(registry, facts.id, facts.rank);
  const phases = new Phases(facts.id, facts.rank, {
    now: monotonic,
    epoch: (reading) => clock.epoch(reading),
    exclude: (milliseconds) => records.recorder.exclude(milliseconds),
    ended: (error) => lifecycle.onPhaseEnded(error),
  });
  const slowSteps = new SlowSteps(options.slowStepFactor ?? 5, (seconds, usual) =>
    phases.slowStep(records.recorder.lastStep, seconds, usual),
  );
  records.recorder = new StepRecorder(
    {
      clock,
      keys: new KeyStates(instruments && ((key) => instruments.gauge(key)), () =>
        lifecycle.onBroken(
          new Error(
            'The run has more than 1000 keys; further ones have no gauge. Look for a key that differs with every step.',
          ),
        ),
      ),
      nextSeq: () => log.nextSeq++,
      take: (record, now) => log.take(record, now),
      count: (tokens, samples, seconds) => {
        lifecycle.runawayError = undefined;
        if (instruments) {
          instruments.steps.add(1);
          // NaN adds nothing
          instruments.tokens.add(tokens);
          instruments.samples.add(samples);
          instruments.stepDuration.record(seconds);
        }
        slowSteps.onStep(seconds);
      },
      onEpisode: (state, value, step) => records.onEpisode(state, value, step),
      onSkipped: (name, what) => records.onSkipped(name, what),
    },
    { lastStep: claim.lastStep, totalTokens: claim.totalTokens },
  );
  const exporter = exporterOf(options, env, telemetry);
  const cursor = new CursorFile(dir);
  const sender =
    exporter &&
    new Sender({
      exporter,
      source: new LiveSource(
        outbox,
        new JournalSource(dir, (problem) => diag.warn(`llm-otel: ${problem.message}`)),
        resource,
        () => log.journaled,
      ),
      acknowledged: cursor.get(exporter.url),
      onProgress: (acknowledged) => {
        outbox.accepted(acknowledged.seq);
        lifecycle.onProgress();
      },
      onTrouble: tell,
      backOff: options.backOff,
    });
  const sampler = new SystemSampler(registry, monotonic);
  const stop = new StopRequest(options.onStopRequested, (error) => lifecycle.onBroken(error));
  const trackers =
    wanted.length === 0
      ? undefined
      : new RunTrackers({
          trackers: wanted,
          dir,
          header: { run: facts.id, rank: facts.rank, attempt: facts.attempt, resource },
          journaled: () => log.journaled,
          head: () => log.nextSeq - 1,
          memoryRecords: options.memoryRecords ?? 20_000,
          onTrouble: tell,
          onProgress: () => lifecycle.onProgress(),
          onOpened: (attributes) => phases.describe(attributes),
          onStopRequested: (reason, tracker) => stop.take(reason, tracker),
          backOff: options.sinkBackOff,
          sample: () => sampler.sample(),
          now: epochNow,
          captureConsole: capturesConsole(options, env, wanted),
        });
  const lifecycle: RunLifecycle = new RunLifecycle({
    facts,
    clock,
    log,
    records,
    outbox,
    writer,
    cursor,
    lock: claim.lock,
    sender,
    trackers,
    exporterShutdown: () => (exporter && !options.exporter ? exporter.shutdown() : Promise.resolve()),
    instruments,
    registry,
    firstSeq: claim.firstSeq,
    flushInterval: options.flushInterval ?? 1000,
    finishTimeout: options.finishTimeout ?? 10_000,
    addExitHook,
    flushTelemetry: () => telemetry?.forceFlush() ?? Promise.resolve(),
    sealing: async () => {
      await writer.settled();
      await Promise.all(sealing);
    },
    onTrouble: tell,
  });
  return { facts, records, phases, lifecycle, monotonic, stop, log };
}

function capturesConsole(
  { captureConsole: given }: StartRunOptions,
  env: AssemblyInputs['env'],
  trackers: readonly Tracker[],
): boolean {
  const variable = env[ENV.captureConsole.name] || undefined;
  return (
    given ??
    (variable === undefined ? trackers.some(({ wantsConsole }) => wantsConsole) : variable === 'true')
  );
}

/** Undefined: nothing is sent (asked for, or telemetry or its logs are switched off). */
function exporterOf(
  options: StartRunOptions,
  env: AssemblyInputs['env'],
  telemetry: Telemetry | undefined,
): EventExporter | undefined {
  if (options.exporter === false) return undefined;
  if (options.exporter) return options.exporter;
  if (telemetry?.mode === 'disabled') return undefined;
  if (options.endpoint === undefined && env['OTEL_LOGS_EXPORTER']?.trim() === 'none') return undefined;
  const given = {
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.headers === undefined ? {} : { headers: options.headers }),
    env,
    background: true,
  };
  return telemetry?.createEventExporter(given) ?? createEventExporter(given);
}

function resourceOf(
  facts: RunFacts,
  telemetry: Telemetry | undefined,
  trackers: readonly Tracker[],
  registry: InstrumentRegistry,
): ResourceMap {
  const known = telemetry?.resourceAttributes;
  const forwarded = trackers
    .filter(({ ranks }) => facts.rank === 0 || ranks === 'all')
    .map(({ name }) => name);
  return Object.freeze({
    [ATTR.hostName]: hostname(),
    [ATTR.processPid]: process.pid,
    // `register` has told of the machine already; another's SDK has not.
    ...(known?.[ATTR.hostArch] === undefined ? hostAttributes() : {}),
    ...gpuFacts(registry),
    ...known,
    ...(telemetry ? { [ATTR.serviceInstanceId]: telemetry.serviceInstanceId } : {}),
    [ATTR.runId]: facts.id,
    [ATTR.runName]: facts.name,
    [ATTR.runProject]: facts.project,
    ...(facts.group === undefined ? {} : { [ATTR.runGroup]: facts.group }),
    [ATTR.rank]: facts.rank,
    [ATTR.worldSize]: facts.worldSize,
    [ATTR.runAttempt]: facts.attempt,
    // the hub need not forward it there again
    ...(forwarded.length === 0 ? {} : { [ATTR.runForwarded]: forwarded.join(',') }),
  });
}

function start(options: StartRunOptions, tell: (message: string) => void): Telemetry | undefined {
  try {
    return startTelemetry({
      resourceAttributes: hostAttributes(),
      ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
      ...(options.headers === undefined ? {} : { headers: options.headers }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
  } catch (error) {
    tell(`Telemetry could not be started, the run is recorded without it: ${messageOf(error)}`);
    return undefined;
  }
}

function teller(onError: ((error: Error) => void) | undefined): (message: string) => void {
  return (message) => {
    diag.warn(`llm-otel: ${message}`);
    try {
      onError?.(new Error(message));
    } catch {
      // the program's own bug must not reach its training
    }
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
