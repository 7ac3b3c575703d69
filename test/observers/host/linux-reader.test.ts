import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, freemem, loadavg, tmpdir, totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AskSpace } from '../../../src/observers/host/filesystems.ts';
import { LinuxReader } from '../../../src/observers/host/linux-reader.ts';
import type { OwnProcess } from '../../../src/observers/host/own-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/server', import.meta.url));
let root: string;
let reader: LinuxReader;
let now: number;
const asked: string[] = [];
const askSpace: AskSpace = (path, answer) => {
  asked.push(path);
  answer(null, { bsize: 4096, blocks: 1000, bfree: 400, bavail: 350 });
};
const own: OwnProcess = {
  pid: 42,
  resourceUsage: () => ({
    userCPUTime: 1_500_000,
    systemCPUTime: 500_000,
    voluntaryContextSwitches: 7,
    involuntaryContextSwitches: 8,
    minorPageFault: 9,
    majorPageFault: 1,
  }),
  cpuUsage: () => ({ user: 1_500_000, system: 500_000 }),
  uptime: () => 60,
  residentBytes: () => 1,
  cwd: () => '/data disk/project',
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'llm-otel-host-'));
  cpSync(fixture, root, { recursive: true });
  asked.length = 0;
  now = 5000;
  reader = new LinuxReader({
    proc: join(root, 'proc'),
    sys: join(root, 'sys'),
    own,
    askSpace,
    now: () => now,
    cadence: { details: 0, slow: 0 },
  });
});
afterEach(() => {
  reader.close();
  rmSync(root, { recursive: true });
});
const rewrite = (path: string, change: (text: string) => string): void =>
  writeFileSync(join(root, path), change(readFileSync(join(root, path), 'utf8')));

describe('the reader of a Linux machine', () => {
  it('reads CPU time by mode in seconds; interrupts are hard and soft ones, guests are in user', () => {
    const { cpu, cpuCount } = reader.read();
    expect(cpu).toEqual({ user: 100, nice: 2, system: 30, idle: 800, iowait: 5, interrupt: 1, steal: 0.3 });
    expect(cpuCount).toBe(2);
  });

  it('reads memory in bytes; its states add up to the total', () => {
    const { memory, swap } = reader.read();
    const kib = 1024;
    expect(memory).toEqual({
      total: 16_000_000 * kib,
      free: 4_000_000 * kib,
      available: 10_000_000 * kib,
      buffers: 500_000 * kib,
      cached: 5_500_000 * kib,
      used: 6_000_000 * kib,
    });
    expect(swap).toEqual({ total: 2_000_000 * kib, free: 1_500_000 * kib });
  });

  it('has no swap on a machine without it', () => {
    rewrite('proc/meminfo', (text) => text.replace(/SwapTotal: .*/, 'SwapTotal:  0 kB'));
    expect(reader.read().swap).toBeUndefined();
  });

  it('reads load, uptime, processes and paging', () => {
    const snapshot = reader.read();
    expect(snapshot.load).toEqual([1.36, 0.99, 0.45]);
    expect(snapshot.uptime).toBe(1862.6);
    expect(snapshot.processCount).toBe(3);
    expect(snapshot.paging).toEqual({ pagesIn: 11, pagesOut: 22, faults: 1000, majorFaults: 40 });
    expect(snapshot.time).toBe(5000);
  });

  it('reads physical disks only: no partitions, loop, RAM or mapped devices', () => {
    expect(reader.read().disks).toEqual([
      {
        name: 'nvme0n1',
        reads: 1000,
        writes: 2000,
        readBytes: 80_000 * 512,
        writtenBytes: 160_000 * 512,
        busy: 1.5,
      },
      { name: 'sda', reads: 10, writes: 20, readBytes: 800 * 512, writtenBytes: 1600 * 512, busy: 0.015 },
    ]);
  });

  it('knows whole disks by their name where there is no /sys', () => {
    rmSync(join(root, 'sys'), { recursive: true });
    const blind = new LinuxReader({ proc: join(root, 'proc'), sys: join(root, 'sys'), own, askSpace });
    expect(blind.read().disks.map((disk) => disk.name)).toEqual(['nvme0n1', 'sda']);
    blind.close();
  });

  it('reads every interface but the loopback, also one whose name touches its number', () => {
    expect(reader.read().networks).toEqual([
      {
        name: 'eth0',
        receivedBytes: 1_000_000,
        receivedPackets: 2000,
        receiveErrors: 3,
        receiveDropped: 4,
        sentBytes: 5_000_000,
        sentPackets: 6000,
        sendErrors: 7,
        sendDropped: 8,
      },
      expect.objectContaining({ name: 'veth12', receivedBytes: 100, sentBytes: 200 }),
    ]);
  });

  it('asks for the file systems of / and of the working directory, by their mount points', () => {
    const { filesystems } = reader.read();
    expect(asked).toEqual(['/', '/data disk']);
    expect(filesystems).toEqual([
      {
        mountpoint: '/',
        type: 'ext4',
        device: '/dev/nvme0n1p1',
        size: 4_096_000,
        free: 400 * 4096,
        available: 350 * 4096,
      },
      expect.objectContaining({ mountpoint: '/data disk', type: 'xfs', device: '/dev/sda1' }),
    ]);
  });

  it('asks for a file system once when both paths lie on it, and never for a remote one', () => {
    for (const paths of [
      ['/', '/srv/project'],
      ['/', '/home/me'],
    ]) {
      asked.length = 0;
      const other = new LinuxReader({ proc: join(root, 'proc'), own, askSpace, paths });
      other.read();
      expect(asked).toEqual(['/']);
      other.close();
    }
  });

  it('reads this process', () => {
    expect(reader.read().process).toEqual({
      cpuUser: 1.5,
      cpuSystem: 0.5,
      residentBytes: 90_000 * 1024,
      virtualBytes: 1_100_000 * 1024,
      threads: 11,
      openFiles: 4, // five entries, one of which is the directory that is being read
      voluntarySwitches: 7,
      involuntarySwitches: 8,
      minorFaults: 9,
      majorFaults: 1,
      readBytes: 4096,
      writtenBytes: 8192,
      uptime: 60,
    });
  });

  it('sees what has changed since the last sample', () => {
    reader.read();
    rewrite('proc/stat', (text) => text.replace('cpu  10000', 'cpu  10100'));
    rewrite('proc/loadavg', () => '9.99 0.99 0.45 1/99 13932\n');
    const snapshot = reader.read();
    expect(snapshot.cpu?.user).toBe(101);
    expect(snapshot.load?.[0]).toBe(9.99);
  });

  it('leaves a gap for what cannot be read, and goes on', () => {
    for (const file of [
      'stat',
      'meminfo',
      'vmstat',
      'diskstats',
      'loadavg',
      'uptime',
      'self/io',
      'self/status',
      'self/statm',
    ])
      rmSync(join(root, 'proc', file));
    rmSync(join(root, 'proc/self/fd'), { recursive: true });
    const snapshot = reader.read();
    expect(snapshot).toMatchObject({
      cpu: undefined,
      memory: undefined,
      swap: undefined,
      paging: undefined,
      load: undefined,
      uptime: undefined,
      disks: [],
    });
    expect(snapshot.process).toMatchObject({
      cpuUser: 1.5,
      residentBytes: undefined,
      openFiles: undefined,
      readBytes: undefined,
    });
  });

  it.each(['', '\n', 'cpu', 'garbage\0\0', 'MemTotal:\n', 'a: b c\n'.repeat(50)])(
    'takes no figure from a file that holds %j',
    (text) => {
      for (const file of ['stat', 'meminfo', 'vmstat', 'diskstats', 'loadavg', 'uptime', 'self/net/dev'])
        writeFileSync(join(root, 'proc', file), text);
      const snapshot = reader.read();
      expect(snapshot).toMatchObject({ cpu: undefined, memory: undefined, disks: [], networks: [] });
    },
  );
});

describe.runIf(process.platform === 'linux')('the reader on this machine', () => {
  it('agrees with what Node knows, within their quantisation', () => {
    const real = new LinuxReader();
    try {
      const times = cpus();
      const node = (mode: 'user' | 'idle' | 'sys') =>
        times.reduce((sum, cpu) => sum + cpu.times[mode], 0) / 1000;
      const snapshot = real.read();
      expect(snapshot.cpuCount).toBe(times.length);
      // A tick of 10 ms for each CPU, and the time that passes between the two readings on a busy machine.
      const slack = 0.01 * times.length + 5;
      expect(Math.abs((snapshot.cpu?.user ?? 0) - node('user'))).toBeLessThan(slack);
      expect(Math.abs((snapshot.cpu?.idle ?? 0) - node('idle'))).toBeLessThan(slack);
      expect(snapshot.memory?.total).toBe(totalmem());
      // libuv: MemAvailable. Others allocate meanwhile.
      expect(Math.abs((snapshot.memory?.available ?? 0) - freemem())).toBeLessThan(0.1 * totalmem());
      expect(Math.abs((snapshot.load?.[0] ?? 0) - (loadavg()[0] as number))).toBeLessThan(2);
      expect(Math.abs((snapshot.uptime ?? 0) - uptime())).toBeLessThan(5);
      const { residentBytes = 0, threads = 0, openFiles = 0, cpuUser } = snapshot.process;
      expect(Math.abs(residentBytes - process.memoryUsage.rss()) / residentBytes).toBeLessThan(0.5);
      expect(threads).toBeGreaterThan(1);
      expect(openFiles).toBeGreaterThan(2);
      expect(cpuUser).toBeGreaterThan(0);
      expect(snapshot.processCount).toBeGreaterThan(0);
    } finally {
      real.close();
    }
  });
});
