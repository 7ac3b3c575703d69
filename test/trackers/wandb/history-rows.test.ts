import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  HistoryRows,
  type HistoryRow,
  historyLine,
  OWN_STEP,
} from '../../../src/trackers/wandb/history-rows.ts';
import { parseWandbJson, wandbJson } from '../../../src/trackers/wandb/wandb-json.ts';
import { parsePythonJson } from './python-json.ts';
import { START, step } from './records.ts';

type Step = Extract<ReturnType<typeof step>, { kind: 'step' }>;

function rowsOf(records: readonly Step[], rows = new HistoryRows()): HistoryRow[] {
  return [...records.map((record) => rows.add(record)), rows.flush()].filter((row) => row !== undefined);
}
const steps = (...numbers: number[]): Step[] =>
  numbers.map((number, index) => step(index, number, { [`k${index}`]: index }) as Step);

describe('the rows of a run', () => {
  it('are one a step: records of the same step that follow each other are merged, the newer value wins', () => {
    const rows = rowsOf([
      step(0, 0, { 'train/loss': 1 }) as Step,
      step(1, 1, { 'train/loss': 0.5, a: 1 }) as Step,
      step(2, 1, { 'val/loss': 0.7, a: 2 }) as Step,
    ]);
    expect(rows).toEqual([
      { step: 0, time: START, values: { 'train/loss': 1 } },
      { step: 1, time: START + 2000, values: { 'train/loss': 0.5, a: 2, 'val/loss': 0.7 } },
    ]);
  });

  it('go on with the next free step when steps go back, and then carry the own one', () => {
    const rows = rowsOf(steps(0, 5, 3, 4, 9));
    expect(rows.map(({ step }) => step)).toEqual([0, 5, 6, 7, 9]);
    expect(rows.map(({ values }) => values[OWN_STEP])).toEqual([undefined, undefined, 3, 4, 9]);
  });

  it('have the epoch as a column, unless there is one', () => {
    const [first, second] = rowsOf([
      step(0, 0, { a: 1 }, 0.5) as Step,
      step(1, 1, { 'train/epoch': 2 }, 0.75) as Step,
    ]);
    expect(first?.values).toEqual({ a: 1, 'train/epoch': 0.5 });
    expect(second?.values).toEqual({ 'train/epoch': 2 });
  });

  it('are the same however the records are cut, rise, and hold every value', () => {
    const record = fc.record({
      step: fc.integer({ min: -3, max: 20 }),
      values: fc.dictionary(fc.constantFrom('a', 'b', 'c/d'), fc.double()),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 30 }), fc.array(fc.nat(30)), (given, cuts) => {
        const records = given.map(({ step: number, values }, seq) => step(seq, number, values) as Step);
        const whole = rowsOf(records);
        const pieces: HistoryRow[] = [];
        let rows = new HistoryRows();
        for (const [index, one] of records.entries()) {
          // a restart: everything is in the state, as JSON
          if (cuts.includes(index)) rows = new HistoryRows(JSON.parse(JSON.stringify(rows.state())));
          const row = rows.add(one);
          if (row) pieces.push(row);
        }
        const last = rows.flush();
        if (last) pieces.push(last);
        expect(pieces).toEqual(whole);
        const numbers = whole.map(({ step }) => step);
        expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
        const total = new Set(whole.flatMap(({ values }) => Object.values(values).map(String)));
        for (const { values } of whole)
          for (const value of Object.values(values)) expect(total).toContain(String(value));
        expect(numbers.every((number) => number >= 0)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('are lines with bare NaN and infinities, and the seconds of W&B', () => {
    const line = historyLine(
      { step: 7, time: START + 1500, values: { a: Number.NaN, b: -Infinity, c: -0, 'd"e': 1e-300 } },
      START,
    );
    expect(line).toContain('"a":NaN,"b":-Infinity,"c":-0.0,');
    expect(parsePythonJson(line)).toEqual({
      a: Number.NaN,
      b: -Infinity,
      c: -0,
      'd"e': 1e-300,
      _step: 7,
      _timestamp: START / 1000 + 1.5,
      _runtime: 1.5,
    });
  });
});

describe("W&B's JSON", () => {
  it('comes back as it was: non-finite numbers, texts that look like them, any nesting', () => {
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { depthSize: 'small' },
        fc.double(),
        fc.string({ unit: 'binary' }).filter((text) => !text.startsWith('\u0001')),
        fc.constantFrom('NaN', 'x "NaN" y', '-Infinity', '\\', null, true),
        fc.array(tie('json'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('NaN', 'a', '"'), tie('json'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(json, (value) => {
        expect(parseWandbJson(wandbJson(value as never))).toEqual(
          JSON.parse(JSON.stringify([value], keep), revive)[0],
        );
      }),
    );
  });
});

/** The expected value by another way: every number as its text. */
function keep(this: unknown, _key: string, value: unknown): unknown {
  return typeof value === 'number' ? { number: Object.is(value, -0) ? '-0' : String(value) } : value;
}
function revive(_key: string, value: unknown): unknown {
  const number = (value as { number?: unknown } | null)?.number;
  return typeof number === 'string' ? Number(number) : value;
}
