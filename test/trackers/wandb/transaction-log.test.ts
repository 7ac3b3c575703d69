import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameRecords } from '../../../src/trackers/wandb/offline/transaction-log.ts';
import { readWandbFile } from './wandb-file.ts';

const BLOCK = 32 * 1024;
const record = (length: number): Buffer => Buffer.alloc(length, length % 251);

describe('the framing of a .wandb file', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'keeps records that end %i bytes before the end of a block',
    (left) => {
      const records = [record(BLOCK - 7 - 7 - left), record(3), record(0), record(70_000)];
      expect(readWandbFile(frameRecords(records, 0))).toEqual(records);
    },
  );

  it('can be read whatever the lengths, and in however many writes', () => {
    const length = fc.oneof(fc.nat(50), fc.integer({ min: BLOCK - 40, max: BLOCK + 40 }), fc.nat(100_000));
    fc.assert(
      fc.property(fc.array(fc.tuple(length, fc.boolean()), { minLength: 1, maxLength: 12 }), (given) => {
        const records = given.map(([size]) => record(size));
        const whole = frameRecords(records, 0);
        expect(readWandbFile(whole)).toEqual(records);
        let file = Buffer.alloc(0);
        let batch: Buffer[] = [];
        for (const [index, [, ends]] of given.entries()) {
          batch.push(records[index] as Buffer);
          if (!ends && index < given.length - 1) continue;
          file = Buffer.concat([file, frameRecords(batch, file.length)]);
          batch = [];
        }
        expect(file.equals(whole)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});
