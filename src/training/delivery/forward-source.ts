import { ATTR, EVENT, type RunEndStatus } from '../../conventions/index.ts';
import type { ForwardSource, SinkRun, SourceEntry, SourceLimit } from '../../trackers/index.ts';
import { mapOf, sinkArtifact, sinkRecords, sinkRun } from '../export.ts';
import { type JournalEntry, readJournal } from '../journal/reader.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { ResourceMap, SegmentHeader } from '../journal/segment.ts';
import type { Outbox } from './outbox.ts';
import { JournalSource } from './source.ts';

/** A journal's record as sinks understand it. The run's first start is told by `run()` and records nothing itself. */
export function sourceEntry(record: JournalRecord, size: number): SourceEntry {
  const base = { seq: record.seq, size, records: [] };
  switch (record.event) {
    case EVENT.runStart:
      return { ...base, starts: true, records: record.seq === 0 ? [] : sinkRecords({ record }) };
    case EVENT.runArtifact:
      return { ...base, artifact: sinkArtifact({ record }) };
    case EVENT.runEnd:
      return {
        ...base,
        end: {
          status: record.attributes[ATTR.runStatus] as RunEndStatus,
          summary: mapOf(record.body),
          time: record.time,
        },
      };
    default:
      return { ...base, records: sinkRecords({ record }) };
  }
}

/** The first record of a journal says whose it is and with what it began. */
async function firstEntry(dir: string): Promise<JournalEntry | undefined> {
  for await (const entry of readJournal(dir)) return entry;
  return undefined;
}

/** The journal of a run that is not under way. */
export class JournalForwardSource implements ForwardSource {
  readonly #dir: string;
  readonly #journal: JournalSource;
  readonly #attempt: number;

  /** `attempt`: the newest one. */
  constructor(dir: string, attempt: number) {
    this.#dir = dir;
    this.#attempt = attempt;
    this.#journal = new JournalSource(dir);
  }

  async after(seq: number, limit: SourceLimit): Promise<SourceEntry[]> {
    const entries = await this.#journal.entries(seq, limit);
    return entries.map(({ record, size }) => sourceEntry(record, size));
  }

  async run(): Promise<SinkRun | undefined> {
    const first = await firstEntry(this.#dir);
    return first && { ...sinkRun(first), attempt: this.#attempt };
  }

  close(): Promise<void> {
    return this.#journal.close();
  }
}

export interface LiveForwardSourceOptions {
  readonly dir: string;
  /** Records that are on their way to this sink; those that it no longer holds are read back from the journal. */
  readonly outbox: Outbox;
  readonly header: Pick<SegmentHeader, 'run' | 'rank' | 'attempt'> & { readonly resource: ResourceMap };
  /** Highest `seq` in the journal. */
  readonly journaled: () => number;
}

/** The records of a run under way: from memory, and from its journal where memory no longer has them. */
export class LiveForwardSource implements ForwardSource {
  readonly #options: LiveForwardSourceOptions;
  readonly #journal: JournalSource;
  /** With what the run began, should the journal not take it. */
  #first: JournalRecord | undefined;

  constructor(options: LiveForwardSourceOptions) {
    this.#options = options;
    this.#journal = new JournalSource(options.dir);
  }

  async after(seq: number, limit: SourceLimit): Promise<SourceEntry[]> {
    const { outbox, journaled } = this.#options;
    this.#first ??= outbox.after(-1, 1, Infinity)[0]?.toRecord();
    // the forwarder has taken these into its own hands
    outbox.accepted(seq);
    const first = outbox.firstSeq;
    if ((first ?? Infinity) > seq + 1 && seq < journaled()) {
      const stored = await this.#journal.entries(seq, limit, first);
      if (stored.length > 0) return stored.map(({ record, size }) => sourceEntry(record, size));
    }
    return outbox
      .after(seq, limit.records, limit.bytes)
      .map((queued) => sourceEntry(queued.toRecord(), queued.size));
  }

  async run(): Promise<SinkRun | undefined> {
    const { dir, header } = this.#options;
    const first = await firstEntry(dir).catch(() => undefined);
    if (first) return { ...sinkRun(first), attempt: header.attempt };
    const record = this.#first;
    return record && sinkRun({ header: { ...header, time: record.time } as SegmentHeader, record });
  }

  close(): Promise<void> {
    return this.#journal.close();
  }
}
