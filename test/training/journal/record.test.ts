import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeRecord,
  encodeRecord,
  type JournalRecord,
  openLine,
  type PlainMap,
  type PlainValue,
} from '../../../src/training/journal/record.ts';

const decode = (line: string): JournalRecord | undefined => {
  const object = openLine(line.replace(/\n$/, ''));
  return object && decodeRecord(object);
};

const plainValue: fc.Arbitrary<PlainValue> = fc.letrec<{ value: PlainValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('$number', '$', '$$number', '__proto__')),
      tie('value'),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ) as fc.Arbitrary<PlainValue>,
  ),
})).value;

const plainMap = fc.dictionary(fc.string(), plainValue, { noNullPrototype: true }) as fc.Arbitrary<PlainMap>;

describe('a line of the journal', () => {
  it('gives back any record exactly, NaN, infinities and -0 included', () => {
    fc.assert(
      fc.property(
        fc.record({
          seq: fc.nat(),
          time: fc.double({ min: 0, max: 4e12, noNaN: true }),
          event: fc.constantFrom('llm.run.start', 'llm.run.note', 'llm.run.end'),
          attributes: plainMap,
          body: fc.oneof(plainMap, fc.string()),
        }),
        (record) => {
          expect(decode(encodeRecord(record))).toEqual(record);
        },
      ),
    );
  });

  it('gives back the doubles of a step exactly', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.dictionary(fc.string(), fc.double(), { noNullPrototype: true }),
        (seq, body) => {
          const record = {
            seq,
            time: 1e12 + 0.125,
            event: 'llm.training.step',
            attributes: { 'llm.training.step': 7 },
            body,
          };
          const back = decode(encodeRecord(record));
          expect(back).toEqual(record);
          for (const [key, value] of Object.entries(body))
            expect(Object.is((back as unknown as { body: Record<string, number> }).body[key], value)).toBe(
              true,
            );
        },
      ),
    );
  });

  it('is JSON that any tool reads, and one line', () => {
    const line = encodeRecord({
      seq: 3,
      time: 1e12,
      event: 'llm.training.step',
      attributes: { 'llm.training.step': 2 },
      body: { 'train/loss': Number.NaN, 'train/learning_rate': 0.1, 'a\nb': -Infinity },
    });
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line)).toMatchObject({
      seq: 3,
      event: 'llm.training.step',
      body: { 'train/loss': 'NaN', 'train/learning_rate': 0.1, 'a\nb': '-Infinity' },
    });
  });

  it('is not accepted when any single byte of it was changed or cut', () => {
    const line = encodeRecord({
      seq: 12,
      time: 1_700_000_000_000.5,
      event: 'llm.run.note',
      attributes: { a: 1 },
      body: 'Grüße',
    }).trimEnd();
    const bytes = Buffer.from(line);
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] as number) ^ 1;
      expect(openLine(changed.toString()), `byte ${i} changed`).toBeUndefined();
      expect(openLine(bytes.toString('utf8', 0, i)), `cut at ${i}`).toBeUndefined();
    }
  });
});
