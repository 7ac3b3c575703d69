import type { Histogram } from '../histogram.ts';
import { doubleField, field, intField } from './message.ts';

/**
 * Messages of event files (tensorboard/compat/proto: event.proto, summary.proto, tensor.proto; plugin data of
 * tensorboard/plugins/{scalar,text,hparams}). The numbers are those of the .proto files.
 */
const VALUE = { tag: 1, tensor: 8, metadata: 9 } as const;
const METADATA = { pluginData: 1, dataClass: 4 } as const;
const PLUGIN_DATA = { name: 1, content: 2 } as const;
const TENSOR = { dtype: 1, shape: 2, content: 4, floatVal: 5, stringVal: 8 } as const;
const SHAPE = { dimension: 2, size: 1 } as const;
const DTYPE = { float: 1, double: 2, string: 7 } as const;
const DATA_CLASS = { scalar: 1, tensor: 2 } as const;

const MAX_FLOAT = 3.4028234663852886e38;

/**
 * Scalars of one tag, as `tf.summary.scalar` writes them: a tensor of one 32-bit float. Doubles would be legal, and
 * TensorBoard's slow loader shows them; its default one (tensorboard-data-server 0.7) leaves such tags out without a
 * word. The metadata, which say whose a tag is, stand with the first value of each file.
 */
export class ScalarTag {
  readonly #plain: Buffer;
  readonly #first: Buffer;

  constructor(tag: string) {
    const tensor = field(
      VALUE.tensor,
      intField(TENSOR.dtype, DTYPE.float),
      field(TENSOR.shape),
      // packed; the number is the value's last four bytes
      field(TENSOR.floatVal, Buffer.alloc(4)),
    );
    const metadata = metadataOf('scalars', DATA_CLASS.scalar);
    this.#plain = Buffer.concat([field(VALUE.tag, tag), tensor]);
    this.#first = Buffer.concat([field(VALUE.tag, tag), metadata, tensor]);
  }

  /** Content of a `Summary.Value`. A finite number beyond the range of floats is the largest float, not infinite. */
  value(number: number, first: boolean): Buffer {
    const bytes = Buffer.from(first ? this.#first : this.#plain);
    const inRange = Number.isFinite(number) ? Math.min(MAX_FLOAT, Math.max(-MAX_FLOAT, number)) : number;
    bytes.writeFloatLE(inRange, bytes.length - 4);
    return bytes;
  }
}

/**
 * A histogram of a tag, as `tf.summary.histogram` writes it: a tensor of doubles, a row a bin with left edge, right
 * edge and count. TensorBoard has no place for values that are not finite.
 */
export function histogramValue(tag: string, { edges, counts }: Histogram): Buffer {
  const rows = Buffer.alloc(counts.length * 3 * 8);
  for (const [bin, count] of counts.entries()) {
    let at = bin * 3 * 8;
    for (const cell of [edges[bin] ?? 0, edges[bin + 1] ?? 0, count]) at = rows.writeDoubleLE(cell, at);
  }
  return Buffer.concat([
    field(VALUE.tag, tag),
    metadataOf('histograms', DATA_CLASS.tensor),
    field(
      VALUE.tensor,
      intField(TENSOR.dtype, DTYPE.double),
      shapeOf(counts.length, 3),
      field(TENSOR.content, rows),
    ),
  ]);
}

/** A text (Markdown) of a tag: content of a `Summary.Value`. */
export function textValue(tag: string, text: string): Buffer {
  return Buffer.concat([
    field(VALUE.tag, tag),
    metadataOf('text', DATA_CLASS.tensor),
    field(
      VALUE.tensor,
      intField(TENSOR.dtype, DTYPE.string),
      field(TENSOR.shape),
      field(TENSOR.stringVal, text),
    ),
  ]);
}

const HPARAMS = { version: 1, sessionStart: 3, sessionEnd: 4 } as const;
const START = { hparams: 1, groupName: 4, startTime: 5 } as const;
const END = { status: 1, endTime: 2 } as const;
const MAP_ENTRY = { key: 1, value: 2 } as const;
/** google.protobuf.Value */
const ANY = { number: 2, string: 3, bool: 4 } as const;
export const SESSION_STATUS = { success: 1, failure: 2 } as const;

export type HparamValue = string | number | boolean;

/** Parameters for the HPARAMS tab. `startedAt` in milliseconds since the epoch. */
export function sessionStart(
  hparams: Readonly<Record<string, HparamValue>>,
  startedAt: number,
  groupName: string,
): Buffer {
  const entries = Object.entries(hparams).map(([key, value]) =>
    field(START.hparams, field(MAP_ENTRY.key, key), field(MAP_ENTRY.value, anyValue(value))),
  );
  return hparamsValue(
    'session_start_info',
    field(
      HPARAMS.sessionStart,
      ...entries,
      field(START.groupName, groupName),
      doubleField(START.startTime, startedAt / 1000),
    ),
  );
}

export function sessionEnd(status: number, endedAt: number): Buffer {
  return hparamsValue(
    'session_end_info',
    field(HPARAMS.sessionEnd, intField(END.status, status), doubleField(END.endTime, endedAt / 1000)),
  );
}

function anyValue(value: HparamValue): Buffer {
  if (typeof value === 'boolean') return intField(ANY.bool, value ? 1 : 0);
  return typeof value === 'number' ? doubleField(ANY.number, value) : field(ANY.string, value);
}

function hparamsValue(name: string, data: Buffer): Buffer {
  return Buffer.concat([
    field(VALUE.tag, `_hparams_/${name}`),
    field(
      VALUE.metadata,
      field(
        METADATA.pluginData,
        field(PLUGIN_DATA.name, 'hparams'),
        // version 0 is the only one there is
        field(PLUGIN_DATA.content, intField(HPARAMS.version, 0), data),
      ),
      intField(METADATA.dataClass, DATA_CLASS.tensor),
    ),
    // what matters stands in the metadata; the tensor is a zero that nobody reads
    field(
      VALUE.tensor,
      intField(TENSOR.dtype, DTYPE.float),
      shapeOf(1),
      field(TENSOR.floatVal, Buffer.alloc(4)),
    ),
  ]);
}

function shapeOf(...dimensions: readonly number[]): Buffer {
  return field(TENSOR.shape, ...dimensions.map((size) => field(SHAPE.dimension, intField(SHAPE.size, size))));
}

function metadataOf(plugin: string, dataClass: number): Buffer {
  return field(
    VALUE.metadata,
    field(METADATA.pluginData, field(PLUGIN_DATA.name, plugin)),
    intField(METADATA.dataClass, dataClass),
  );
}
