import type { ForwardSource, SourceEntry, SourceLimit } from '../../../src/trackers/forwarder/source.ts';
import type { Histogram, SinkArtifact, SinkRun } from '../../../src/trackers/index.ts';

/** A run for sinks; what a test does not say is plain. */
export function sinkRun(facts: Partial<SinkRun> = {}): SinkRun {
  return {
    id: 'r1',
    name: 'calm river 1',
    project: 'demo',
    group: undefined,
    rank: 0,
    worldSize: 1,
    attempt: 1,
    startedAt: 1_700_000_000_000,
    params: {},
    tags: {},
    source: {},
    ...facts,
  };
}

/** A durable source in memory, which grows while it is read. */
export class MemorySource implements ForwardSource {
  readonly entries: SourceEntry[] = [];
  readonly facts: SinkRun;
  reads = 0;

  constructor(facts: SinkRun = sinkRun()) {
    this.facts = facts;
    this.entries.push({ seq: 0, size: 100, starts: true, records: [] });
  }

  get head(): number {
    return this.entries.length - 1;
  }

  step(step: number, values: Record<string, number>, time = 1_700_000_000_000 + this.entries.length): number {
    const seq = this.entries.length;
    this.entries.push({
      seq,
      size: 50,
      records: [{ kind: 'step', seq, time, step, epoch: undefined, values }],
    });
    return seq;
  }

  params(params: Record<string, string | number>): void {
    const seq = this.entries.length;
    this.entries.push({ seq, size: 50, records: [{ kind: 'params', seq, time: seq, params }] });
  }

  tags(tags: Record<string, string | number>): void {
    const seq = this.entries.length;
    this.entries.push({ seq, size: 50, records: [{ kind: 'tags', seq, time: seq, tags }] });
  }

  histogram(step: number, name: string, histogram: Histogram, epoch?: number): void {
    const seq = this.entries.length;
    const place = { seq, time: 1_700_000_000_000 + seq, step, epoch };
    this.entries.push({ seq, size: 50, records: [{ kind: 'histogram', ...place, name, histogram }] });
  }

  note(text: string, severity = 'info'): void {
    const seq = this.entries.length;
    this.entries.push({
      seq,
      size: 50,
      records: [{ kind: 'note', seq, time: 1_700_000_000_000 + seq, severity, text }],
    });
  }

  artifact(artifact: Partial<SinkArtifact>): void {
    const seq = this.entries.length;
    this.entries.push({
      seq,
      size: 50,
      records: [],
      artifact: {
        seq,
        time: 1_700_000_000_000 + seq,
        name: 'a',
        kind: 'file',
        path: '',
        size: 0,
        sha256: '',
        metadata: {},
        ...artifact,
      },
    });
  }

  end(status: 'finished' | 'failed' | 'killed' = 'finished', summary = {}): void {
    const seq = this.entries.length;
    this.entries.push({ seq, size: 50, records: [], end: { status, summary, time: 1_700_000_100_000 } });
  }

  async after(seq: number, limit: SourceLimit): Promise<SourceEntry[]> {
    this.reads++;
    return this.entries.slice(seq + 1, seq + 1 + limit.records);
  }

  async run(): Promise<SinkRun> {
    return this.facts;
  }
}
