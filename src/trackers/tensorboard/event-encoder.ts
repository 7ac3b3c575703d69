import type { RunEndStatus } from '../../conventions/index.ts';
import { nonFiniteCounts } from '../histogram.ts';
import type { HistogramRecord, SinkMap, SinkRecord, SinkRun, SinkValue } from '../sink.ts';
import { doubleField, field, intField } from './message.ts';
import {
  histogramValue,
  type HparamValue,
  ScalarTag,
  SESSION_STATUS,
  sessionEnd,
  sessionStart,
  textValue,
} from './summary-value.ts';
import { tfRecord } from './tf-record.ts';

const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const SUMMARY_VALUE = 1;
const VERSION = 'brain.Event:2';
const NOTHING = Buffer.alloc(0);

/**
 * Turns a run into the records of one event file: scalars by key, histograms by name, parameters for the HPARAMS tab and as a text,
 * notes, tags and artifacts as texts. TensorBoard has no epoch and no rank.
 */
export class EventEncoder {
  readonly #tags = new Map<string, ScalarTag>();
  /** Texts have no step of their own: they stand at the newest one. */
  #step = 0;
  #time = 0;

  /** What a file begins with; parameters only in the first file of a run (`fresh`). */
  begin(run: SinkRun, fresh: boolean): Buffer {
    this.#time = run.startedAt;
    const wallTime = doubleField(EVENT.wallTime, run.startedAt / 1000);
    const records = [tfRecord(Buffer.concat([wallTime, field(EVENT.fileVersion, VERSION)]))];
    if (fresh) {
      if (Object.keys(run.params).length > 0) {
        records.push(
          this.#event(run.startedAt, 0, [sessionStart(flat(run.params), run.startedAt, run.name)]),
        );
        records.push(this.#event(run.startedAt, 0, [textValue('params', markdown(run.params))]));
      }
      for (const [tag, values] of [
        ['tags', run.tags],
        ['source', run.source],
        ['machine', run.machine ?? {}],
      ] as const)
        if (Object.keys(values).length > 0)
          records.push(this.#event(run.startedAt, 0, [textValue(tag, markdown(values))]));
    }
    return Buffer.concat(records);
  }

  /** Empty for a record that has no place in such a file. */
  record(record: SinkRecord): Buffer {
    this.#time = record.time;
    switch (record.kind) {
      case 'step':
        this.#step = record.step;
        return this.#scalars(record.time, record.step, record.values);
      case 'histogram':
        return this.#histogram(record);
      case 'system':
        return this.#scalars(record.time, record.sample, record.values);
      case 'params':
        return this.#text(record.time, 'params', markdown(record.params));
      case 'tags':
        return this.#text(record.time, 'tags', markdown(record.tags));
      case 'note':
        return this.#text(record.time, 'notes', `**${record.severity}** ${record.text}`);
      default:
        return this.#text(record.time, `console/${record.stream}`, record.text);
    }
  }

  artifact(time: number, values: SinkMap): Buffer {
    return this.#text(time, 'artifacts', markdown(values));
  }

  /** `endedAt` undefined: with the newest record. */
  end(status: RunEndStatus, summary: SinkMap, endedAt: number | undefined): Buffer {
    const time = endedAt ?? this.#time;
    const session = status === 'finished' ? SESSION_STATUS.success : SESSION_STATUS.failure;
    const text = this.#text(time, 'summary', markdown({ status, ...summary }));
    return Buffer.concat([text, this.#event(time, this.#step, [sessionEnd(session, time)])]);
  }

  #scalars(time: number, step: number, values: Readonly<Record<string, number>>): Buffer {
    const encoded: Buffer[] = [];
    for (const key of Object.keys(values)) {
      let tag = this.#tags.get(key);
      const first = tag === undefined;
      if (tag === undefined) {
        tag = new ScalarTag(key);
        this.#tags.set(key, tag);
      }
      encoded.push(tag.value(values[key] as number, first));
    }
    return encoded.length === 0 ? NOTHING : this.#event(time, step, encoded);
  }

  /** Beside it, how many values were not finite, when there were such. */
  #histogram({ time, step, name, histogram }: HistogramRecord): Buffer {
    const lost = Object.entries(nonFiniteCounts(histogram)).map(([what, count]) => [
      `${name}/${what}`,
      count,
    ]);
    return Buffer.concat([
      histogram.counts.length === 0 ? NOTHING : this.#event(time, step, [histogramValue(name, histogram)]),
      this.#scalars(time, step, Object.fromEntries(lost) as Record<string, number>),
    ]);
  }

  #text(time: number, tag: string, text: string): Buffer {
    return this.#event(time, this.#step, [textValue(tag, text)]);
  }

  #event(time: number, step: number, values: readonly Buffer[]): Buffer {
    return tfRecord(
      Buffer.concat([
        doubleField(EVENT.wallTime, time / 1000),
        // a step that is no whole number has none nearer
        intField(EVENT.step, Number.isSafeInteger(step) ? step : BigInt(Math.trunc(step) || 0)),
        field(EVENT.summary, ...values.map((value) => field(SUMMARY_VALUE, value))),
      ]),
    );
  }
}

/** Nested parameters by dotted names; what is no text, number or boolean as JSON. */
function flat(params: SinkMap, prefix = ''): Record<string, HparamValue> {
  const found: Record<string, HparamValue> = {};
  for (const [key, value] of Object.entries(params)) {
    const name = prefix + key;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      Object.assign(found, flat(value, `${name}.`));
    else found[name] = scalarOf(value);
  }
  return found;
}

function scalarOf(value: SinkValue): HparamValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value);
}

/** A table for the TEXT tab. */
function markdown(values: SinkMap): string {
  const rows = Object.entries(flat(values)).map(
    ([key, value]) => `| ${cell(key)} | ${cell(String(value))} |`,
  );
  return ['| name | value |', '| --- | --- |', ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/[\r\n]+/g, ' ');
}
