/** Entries of an array that are written at a time: below a millisecond of work. */
const SLICE = 8192;

/**
 * JSON in pieces, so that a series of a million points is written without holding up the event loop: the caller
 * may pause between two pieces.
 *
 * Unlike `JSON.stringify`: non-finite numbers are the strings "NaN", "Infinity", "-Infinity"; -0 keeps its sign;
 * a bigint is written as the integer it is; typed arrays are arrays. `undefined` members are left out, `undefined`
 * entries are null. There is no `toJSON`.
 */
export function* jsonChunks(value: unknown): Generator<string, void, undefined> {
  if (Array.isArray(value)) yield* arrayChunks(value);
  else if (isNumbers(value)) yield* arrayChunks(value);
  else if (typeof value === 'object' && value !== null) yield* objectChunks(value);
  else yield scalar(value);
}

/** JSON in one piece; for what is known to be small. */
export function toJson(value: unknown): string {
  return [...jsonChunks(value)].join('');
}

type Numbers = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array;
function isNumbers(value: unknown): value is Numbers {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function* objectChunks(value: object): Generator<string, void, undefined> {
  // Small members are gathered, so that a list of small objects is not a list of tiny pieces.
  let text = '{';
  let first = true;
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined || typeof member === 'function') continue;
    text += `${first ? '' : ','}${JSON.stringify(key)}:`;
    first = false;
    for (const piece of jsonChunks(member)) {
      text += piece;
      if (text.length < 32_768) continue;
      yield text;
      text = '';
    }
  }
  yield `${text}}`;
}

function* arrayChunks(values: readonly unknown[] | Numbers): Generator<string, void, undefined> {
  if (values.length === 0) {
    yield '[]';
    return;
  }
  for (let from = 0; from < values.length; from += SLICE) {
    const slice = values.slice(from, from + SLICE);
    const open = from === 0 ? '[' : ',';
    if (isPlain(slice)) yield open + slice.join(',');
    else yield* mixed(slice, open);
  }
  yield ']';
}

/** True for numbers that `String` writes as JSON does. */
function isPlain(values: readonly unknown[] | Numbers): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'number' || !Number.isFinite(value) || Object.is(value, -0)) return false;
  }
  return true;
}

function* mixed(values: readonly unknown[] | Numbers, open: string): Generator<string, void, undefined> {
  let text = open;
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ',';
    const value = values[i];
    if (typeof value !== 'object' || value === null) {
      text += scalar(value);
      continue;
    }
    for (const piece of jsonChunks(value)) {
      text += piece;
      if (text.length < 32_768) continue;
      yield text;
      text = '';
    }
  }
  yield text;
}

function scalar(value: unknown): string {
  switch (typeof value) {
    case 'number':
      if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
      return `"${value}"`;
    case 'bigint':
      return String(value);
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    default:
      return 'null';
  }
}
