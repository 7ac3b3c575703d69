import { encodeTimes } from '../chunks/number-chunk.ts';
import { NumberHead } from './number-head.ts';
import type { Head } from './series.ts';

/** Times that several chunks of one sealing have. */
export interface SharedTimes {
  data: Buffer;
}

/** Shorter times are cheaper inside their chunk than a row of their own. */
const WORTH_A_ROW = 64;

/** Finds heads with the very same times. Those that are alone, or regular (a few bytes), are not in the answer. */
export function shareTimes(heads: readonly Head[]): Map<Head, SharedTimes> {
  const groups = new Map<number, { time: Float64Array; heads: Head[] }[]>();
  for (const head of heads) {
    if (!(head instanceof NumberHead)) continue;
    const { time } = head.columns();
    const hash = hashOf(time);
    let candidates = groups.get(hash);
    if (candidates === undefined) {
      candidates = [];
      groups.set(hash, candidates);
    }
    const group = candidates.find((candidate) => same(candidate.time, time));
    if (group === undefined) candidates.push({ time, heads: [head] });
    else group.heads.push(head);
  }
  const shared = new Map<Head, SharedTimes>();
  for (const candidates of groups.values()) {
    for (const { time, heads } of candidates) {
      if (heads.length < 2) continue;
      const data = encodeTimes(time);
      if (data.length < WORTH_A_ROW) continue;
      const times = { data };
      for (const head of heads) shared.set(head, times);
    }
  }
  return shared;
}

function hashOf(time: Float64Array): number {
  const words = new Uint32Array(time.buffer, time.byteOffset, time.length * 2);
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x01000193);
  return hash;
}

function same(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
