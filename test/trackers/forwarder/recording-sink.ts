import type {
  RunSink,
  SinkArtifact,
  SinkContext,
  SinkLimits,
  SinkMap,
  SinkRecord,
  SinkRun,
  SinkState,
} from '../../../src/trackers/index.ts';

/** A sink that keeps what it takes, and fails as it is told. */
export class RecordingSink implements RunSink {
  readonly name: string;
  readonly limits: SinkLimits;
  readonly batches: SinkRecord[][] = [];
  readonly artifacts: SinkArtifact[] = [];
  readonly opened: { run: SinkRun; state: SinkState | undefined }[] = [];
  readonly closed: { status: string | undefined; summary: SinkMap }[] = [];
  context: SinkContext | undefined;
  /** Called before each call takes effect; throws to fail it. */
  before: (
    call: 'open' | 'write' | 'artifact' | 'close',
    batch: readonly SinkRecord[],
  ) => void | Promise<void> = () => {};
  signal: AbortSignal | undefined;
  #taken = 0;

  constructor(name = 'recording', limits: SinkLimits = {}) {
    this.name = name;
    this.limits = { lingerMs: 0, ...limits };
  }

  get records(): SinkRecord[] {
    return this.batches.flat();
  }

  /** Steps that arrived, in order. */
  get steps(): number[] {
    return this.records.flatMap((record) => (record.kind === 'step' ? [record.step] : []));
  }

  async open(run: SinkRun, context?: SinkContext, signal?: AbortSignal): Promise<void> {
    this.signal = signal;
    await this.before('open', []);
    this.context = context;
    this.opened.push({ run, state: context?.state });
  }

  async write(batch: readonly SinkRecord[], signal?: AbortSignal): Promise<void> {
    this.signal = signal;
    await this.before('write', batch);
    this.batches.push([...batch]);
    this.#taken += batch.length;
  }

  async artifact(artifact: SinkArtifact, signal?: AbortSignal): Promise<void> {
    this.signal = signal;
    await this.before('artifact', []);
    this.artifacts.push(artifact);
  }

  async close(status: 'finished' | 'failed' | 'killed' | undefined, summary: SinkMap): Promise<void> {
    await this.before('close', []);
    this.closed.push({ status, summary });
  }

  state(): SinkState {
    return { taken: this.#taken };
  }
}
