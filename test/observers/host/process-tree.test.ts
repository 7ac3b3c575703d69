import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METRIC } from '../../../src/conventions/index.ts';
import { Descendants } from '../../../src/observers/host/descendants.ts';
import { ForeignProcessReader } from '../../../src/observers/host/foreign-process.ts';
import { pageSizeOf, parseProcessStat } from '../../../src/observers/host/parse-process.ts';
import { publishProcess } from '../../../src/observers/host/publish-process.ts';
import { ownHelpers } from '../../../src/observers/own-helpers.ts';
import { Published } from '../../../src/observers/published.ts';
import { InstrumentRegistry } from '../../../src/telemetry/instruments/registry.ts';
import { fixtureTree, write } from '../fixture-tree.ts';
import { valuesOf } from '../published-values.ts';

interface Fake {
  pid: number;
  parent: number;
  user?: number;
  system?: number;
  pages?: number;
  threads?: number;
  startedAt?: number;
  state?: string;
  name?: string;
}
/** A line of /proc/PID/stat; CPU in ticks. */
const stat = ({
  pid,
  parent,
  user = 0,
  system = 0,
  threads = 1,
  startedAt = 500,
  state = 'S',
  name = 'python3',
}: Fake) =>
  `${pid} (${name}) ${state} ${parent} 1 1 0 -1 4194560 11 0 22 0 ${user} ${system} 0 0 20 0 ${threads} 0 ${startedAt} 9000000 77 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n`;
const process = (fake: Fake, children = '') => ({
  [`${fake.pid}/stat`]: stat(fake),
  [`${fake.pid}/statm`]: `9000 ${fake.pages ?? 0} 1 1 0 1 0\n`,
  [`${fake.pid}/task/${fake.pid}/children`]: children,
  [`${fake.pid}/fd/0`]: '',
  [`${fake.pid}/fd/1`]: '',
});

const PAGE = 4096;
const tree = () =>
  fixtureTree({
    ...process({ pid: 100, parent: 1, user: 300, system: 100 }, '101 102 '),
    '100/task/150/children': '103 ', // started by another thread
    '100/status':
      'Name:\tpython3\nVmSize:\t 9000 kB\nVmRSS:\t 4000 kB\nThreads:\t5\nvoluntary_ctxt_switches:\t70\nnonvoluntary_ctxt_switches:\t8\n',
    '100/io': 'rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\n',
    ...process({ pid: 101, parent: 100, user: 100, system: 10, pages: 1000, threads: 2 }),
    ...process({ pid: 102, parent: 100, user: 200, system: 20, pages: 2000 }, '104 '),
    ...process({ pid: 103, parent: 100, user: 5, pages: 10, name: 'a) b (c' }),
    ...process({ pid: 104, parent: 102, user: 1, pages: 1 }),
    ...process({ pid: 200, parent: 1, user: 9999, pages: 9999 }),
    uptime: '65.00 100.00\n',
  });

describe('the processes that a process has started', () => {
  it('are found at every depth, whichever thread has started them, and summed', () => {
    const descendants = new Descendants({ proc: tree(), pid: 100 });
    descendants.refresh();
    expect(descendants.read()).toEqual({
      count: 4,
      cpuUser: expect.closeTo(3.06) as number,
      cpuSystem: expect.closeTo(0.3) as number,
      residentBytes: 3011 * PAGE,
      threads: 5,
      openFiles: 8,
    });
    descendants.close();
  });

  it('are found by their parents where the kernel has no lists of children', () => {
    const proc = tree();
    for (const pid of [100, 101, 102, 103, 104]) rmSync(join(proc, `${pid}/task`), { recursive: true });
    const descendants = new Descendants({ proc, pid: 100 });
    descendants.refresh();
    expect(descendants.read()?.count).toBe(4);
    descendants.close();
  });

  it('keep their CPU time when they end, and give their memory back', () => {
    const proc = tree();
    const descendants = new Descendants({ proc, pid: 100 });
    descendants.refresh();
    descendants.read();
    write(proc, process({ pid: 101, parent: 100, user: 150, system: 10, pages: 1000, state: 'Z' }));
    expect(descendants.read()).toMatchObject({ count: 3, residentBytes: 2011 * PAGE });
    expect(descendants.read()?.cpuUser).toBeCloseTo(3.56);
    write(proc, { '100/task/100/children': '', '100/task/150/children': '' });
    descendants.refresh();
    expect(descendants.read()).toMatchObject({ count: 0, residentBytes: 0, threads: 0 });
    expect(descendants.read()?.cpuUser).toBeCloseTo(3.56);
    descendants.close();
  });

  it('are not confused with another that got the number of one that has ended', () => {
    const proc = tree();
    const descendants = new Descendants({ proc, pid: 100 });
    descendants.refresh();
    descendants.read();
    write(proc, process({ pid: 102, parent: 1, user: 90_000, pages: 5, startedAt: 777 }));
    expect(descendants.read()?.cpuUser).toBeCloseTo(3.06);
    expect(descendants.read()?.count).toBe(3);
    descendants.close();
  });

  it('do not include what the observers have started themselves', () => {
    const descendants = new Descendants({ proc: tree(), pid: 100 });
    ownHelpers.add(102);
    try {
      descendants.refresh();
    } finally {
      ownHelpers.delete(102);
    }
    expect(descendants.read()?.count).toBe(2); // without its child, too
    descendants.close();
  });

  it('are nothing as long as there are none', () => {
    const descendants = new Descendants({ proc: fixtureTree(process({ pid: 7, parent: 1 })), pid: 7 });
    descendants.refresh();
    expect(descendants.read()).toBeUndefined();
    descendants.close();
  });
});

describe('another process', () => {
  it('is read with its children', () => {
    const reader = new ForeignProcessReader({ pid: 100, proc: tree(), now: () => 5 });
    expect(reader.read()).toMatchObject({
      time: 5,
      process: {
        cpuUser: 3,
        cpuSystem: 1,
        residentBytes: 4000 * 1024,
        virtualBytes: 9000 * 1024,
        threads: 5,
        openFiles: 2,
        voluntarySwitches: 70,
        involuntarySwitches: 8,
        minorFaults: 11,
        majorFaults: 22,
        readBytes: 4096,
        writtenBytes: 8192,
        uptime: 60,
        children: { count: 4 },
      },
    });
    reader.close();
  });

  it('is gone when it has ended, also when its number goes on', () => {
    const proc = tree();
    const reader = new ForeignProcessReader({ pid: 100, proc });
    reader.read();
    write(proc, { '100/stat': stat({ pid: 100, parent: 1, startedAt: 900 }) });
    expect(reader.read()).toBeUndefined();
    write(proc, { '100/stat': stat({ pid: 100, parent: 1, state: 'Z' }) });
    expect(reader.read()).toBeUndefined();
    expect(new ForeignProcessReader({ pid: 4242, proc }).read()).toBeUndefined();
    reader.close();
  });

  it('is published apart from its children, so that their sum is the tree', () => {
    const registry = new InstrumentRegistry();
    const published = new Published(registry, 'test');
    const proc = tree();
    let time = 0;
    const reader = new ForeignProcessReader({ pid: 100, proc, now: () => time });
    const before = reader.read();
    write(proc, {
      '100/stat': stat({ pid: 100, parent: 1, user: 400, system: 100 }),
      '101/stat': stat({ pid: 101, parent: 100, user: 300, system: 10, pages: 1000, threads: 2 }),
    });
    time = 2000;
    const now = reader.read();
    if (!before || !now) throw new Error('it is there');
    published.begin();
    publishProcess(published, { ...now, cpuCount: 4 }, before, [1, 0]);
    published.end();
    expect(valuesOf(registry, METRIC.processMemoryUsage)).toEqual({ '': 4_096_000, children: 3011 * PAGE });
    expect(valuesOf(registry, METRIC.processCpuTime)).toEqual({
      user: 4,
      system: 1,
      'children user': expect.closeTo(5.06) as number,
      'children system': expect.closeTo(0.3) as number,
    });
    expect(valuesOf(registry, METRIC.processCpuUtilization)).toMatchObject({
      user: 0.125,
      'children user': expect.closeTo(0.25) as number,
    });
    expect(valuesOf(registry, METRIC.processChildren)).toEqual({ '': 4 });
    reader.close();
  });
});

describe('a line of /proc/PID/stat', () => {
  it('is read behind the last bracket of the name', () => {
    expect(parseProcessStat(stat({ pid: 1, parent: 7, name: 'x) S 99 (y' }))?.parent).toBe(7);
  });
  it.each(['', '1 (a', '1 (a) S 2', `1 (a) S ${'x '.repeat(40)}`])('is none: %j', (text) => {
    expect(parseProcessStat(text)).toBeUndefined();
  });
});

describe('the size of a page', () => {
  it('is read from the auxiliary vector', () => {
    const auxv = Buffer.alloc(48);
    auxv.writeBigUInt64LE(33n, 0);
    auxv.writeBigUInt64LE(6n, 16);
    auxv.writeBigUInt64LE(65_536n, 24);
    expect([pageSizeOf(auxv), pageSizeOf(undefined), pageSizeOf(Buffer.alloc(5))]).toEqual([
      65_536, 4096, 4096,
    ]);
  });
});
