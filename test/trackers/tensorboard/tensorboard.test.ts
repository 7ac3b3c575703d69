import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DataPosition } from '../../../src/trackers/local/run-data.ts';
import { crc32c, maskedCrc32c } from '../../../src/trackers/tensorboard/crc32c.ts';
import { varint } from '../../../src/trackers/tensorboard/message.ts';
import { TensorboardData } from '../../../src/trackers/tensorboard/tensorboard-data.ts';
import { tfRecord } from '../../../src/trackers/tensorboard/tf-record.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { aRun, aStep } from '../local/runs.ts';
import { readEvents } from './read-events.ts';

describe('CRC-32C', () => {
  it('gives the sums of RFC 3720, appendix B.4', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it('is masked as an unsigned number', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const sum = BigInt(crc32c(bytes));
        const rotated = ((sum >> 15n) | (sum << 17n)) & 0xffffffffn;
        expect(maskedCrc32c(bytes)).toBe(Number((rotated + 0xa282ead8n) & 0xffffffffn));
      }),
    );
  });

  it('stands behind the length and behind the payload', () => {
    const record = tfRecord(Buffer.from('abc'));
    expect(record.length).toBe(19);
    expect(record.readBigUInt64LE(0)).toBe(3n);
    expect(record.readUInt32LE(15)).toBe(maskedCrc32c(Buffer.from('abc')));
  });
});

describe('a varint', () => {
  it('is what protocol buffers say, negative numbers too', () => {
    expect([...varint(300)]).toEqual([0xac, 0x02]);
    expect([...varint(0)]).toEqual([0]);
    expect([...varint(-1)]).toEqual([...Array(9).fill(0xff), 1]);
    expect([...varint(2 ** 40)]).toEqual([0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
  });
});

describe('event files of a run that is opened again and again', () => {
  it('sort in the order in which they were begun, within a second too', async () => {
    const folder = temporaryFolder();
    let position: DataPosition | undefined;
    for (let attempt = 1; attempt <= 12; attempt++) {
      const data: TensorboardData = new TensorboardData(folder, () => 1_764_000_000_500);
      position = await data.open(aRun({ attempt }), position);
      position = await data.append(position, { records: [aStep(attempt)] });
      await data.close();
    }
    const steps = readdirSync(folder)
      .sort()
      .flatMap((name) => readEvents(readFileSync(join(folder, name))))
      .filter(({ tag }) => tag === 'train/loss')
      .map(({ step }) => Number(step));
    expect(steps).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  });

  it('say whose a tag is in each file', async () => {
    const folder = temporaryFolder();
    const data = new TensorboardData(folder, () => 0);
    let position = await data.open(aRun(), undefined);
    position = await data.append(position, { records: [aStep(1), aStep(2)] });
    await data.close();
    const again = new TensorboardData(folder, () => 0);
    await again.append(await again.open(aRun(), position), { records: [aStep(3)] });
    await again.close();
    const plugins = readdirSync(folder)
      .sort()
      .map((name) =>
        readEvents(readFileSync(join(folder, name)))
          .filter(({ tag }) => tag === 'train/loss')
          .map(({ plugin }) => plugin),
      );
    expect(plugins).toEqual([['scalars', undefined], ['scalars']]);
  });
});
