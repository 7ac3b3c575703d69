import { ATTR } from '../../conventions/index.ts';
import type { EventRecord } from '../../telemetry/index.ts';
import { type JournalEntry, type JournalProblem, readJournal } from '../journal/reader.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { ResourceMap } from '../journal/segment.ts';
import type { Outbox } from './outbox.ts';

export interface BatchLimit {
  records: number;
  /** About; a single record may be larger. */
  bytes: number;
}

/** Records to be sent together, in order. */
export interface Batch {
  readonly records: readonly EventRecord[];
  readonly lastSeq: number;
}

/** Where a sender gets records. */
export interface RecordSource {
  /** The next records after `seq`; undefined when there are none now. */
  after(seq: number, limit: BatchLimit): Promise<Batch | undefined>;
}

/** A record as it goes over the wire; `resource` should be the same object for all records of an attempt. */
export function eventRecord(record: JournalRecord, resource: ResourceMap): EventRecord {
  return {
    eventName: record.event,
    time: record.time,
    ...(record.severity === undefined ? {} : { severityNumber: record.severity }),
    body: record.body,
    attributes: { [ATTR.runSeq]: record.seq, ...record.attributes },
    resource,
  };
}

/** Reads a journal in order, without starting again at each batch. */
export class JournalSource implements RecordSource {
  readonly #dir: string;
  readonly #onProblem: (problem: JournalProblem) => void;
  #reading: AsyncGenerator<JournalEntry, void, undefined> | undefined;
  /** `seq` of the last record that `#reading` gave, and one that it gave too many. */
  #position = -1;
  #ahead: JournalEntry | undefined;

  constructor(dir: string, onProblem: (problem: JournalProblem) => void = () => {}) {
    this.#dir = dir;
    this.#onProblem = onProblem;
  }

  /** Stops before the record `below`. */
  async after(seq: number, limit: BatchLimit, below = Infinity): Promise<Batch | undefined> {
    const entries = await this.entries(seq, limit, below);
    if (entries.length === 0) return undefined;
    return {
      records: entries.map(({ record, header }) => eventRecord(record, header.resource)),
      lastSeq: this.#position,
    };
  }

  /** The next entries after `seq`, before the record `below`; none when there are none now. */
  async entries(seq: number, limit: BatchLimit, below = Infinity): Promise<JournalEntry[]> {
    if (!this.#reading || this.#position !== seq) {
      await this.close();
      this.#reading = readJournal(this.#dir, { fromSeq: seq + 1, onProblem: this.#onProblem });
      this.#position = seq;
    }
    const entries: JournalEntry[] = [];
    let bytes = 0;
    while (entries.length < limit.records) {
      const entry = this.#ahead ?? (await this.#reading.next()).value;
      this.#ahead = undefined;
      if (!entry) {
        // the journal may have grown by the next call
        this.#reading = undefined;
        break;
      }
      bytes += entry.size;
      if (entry.record.seq >= below || (entries.length > 0 && bytes > limit.bytes)) {
        this.#ahead = entry;
        break;
      }
      entries.push(entry);
      this.#position = entry.record.seq;
    }
    return entries;
  }

  /** Closes the file that is being read. */
  async close(): Promise<void> {
    this.#ahead = undefined;
    const reading = this.#reading;
    this.#reading = undefined;
    await reading?.return();
  }
}

/** The records of a run under way: from memory, and from its journal where memory no longer has them. */
export class LiveSource implements RecordSource {
  readonly #outbox: Outbox;
  readonly #journal: JournalSource;
  readonly #resource: ResourceMap;

  readonly #journaled: () => number;

  /** `journaled`: highest `seq` in the journal. */
  constructor(outbox: Outbox, journal: JournalSource, resource: ResourceMap, journaled: () => number) {
    this.#outbox = outbox;
    this.#journal = journal;
    this.#resource = resource;
    this.#journaled = journaled;
  }

  async after(seq: number, limit: BatchLimit): Promise<Batch | undefined> {
    const first = this.#outbox.firstSeq;
    if ((first ?? Infinity) > seq + 1 && seq < this.#journaled()) {
      const stored = await this.#journal.after(seq, limit, first);
      if (stored) return stored;
    }
    const records = this.#outbox.after(seq, limit.records, limit.bytes);
    const last = records.at(-1);
    if (!last) return undefined;
    return {
      records: records.map((record) => eventRecord(record.toRecord(), this.#resource)),
      lastSeq: last.seq,
    };
  }
}
