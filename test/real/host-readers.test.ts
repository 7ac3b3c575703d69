/**
 * The host observer beside independent readers of the same machine: psutil (PyPI), sysstat's iostat, procps' free, vmstat
 * and ps. A total is read before and after the other reader: its value lies between, but for the source's own unit.
 */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ForeignProcessReader } from '../../src/observers/host/foreign-process.ts';
import { LinuxReader } from '../../src/observers/host/linux-reader.ts';
import type { HostSnapshot, ProcessSnapshot } from '../../src/observers/host/snapshot.ts';
import { realPythonOrSkip } from './python-environment.ts';

const run = promisify(execFile);
/** USER_HZ: CPU time is counted in hundredths of a second. */
const TICK = 0.01;

interface Theirs {
  cpu: Record<string, number>;
  cpuCount: number;
  memory: Record<string, number>;
  swap: Record<string, number>;
  disks: Record<string, Record<string, number>>;
  networks: Record<string, Record<string, number>>;
  root: Record<string, number>;
  bootTime: number;
  process: Record<
    'user' | 'system' | 'rss' | 'vms' | 'threads' | 'files' | 'voluntary' | 'involuntary',
    number
  > & {
    children: { pid: number; rss: number; threads: number }[];
  };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe.runIf(process.platform === 'linux')('the host observer', () => {
  // Everything with every sample, as the others read it.
  const reader = new LinuxReader({ cadence: { details: 0, slow: 0, rare: 0 } });
  let program: ChildProcessWithoutNullStreams;
  let foreign: ForeignProcessReader;
  beforeAll(async () => {
    // A process with two children, all of which wait.
    program = spawn('sh', ['-c', 'sleep 1000 & sleep 1000 & echo ready; wait'], { detached: true });
    await once(program.stdout, 'data');
    foreign = new ForeignProcessReader({ pid: program.pid as number });
  });
  afterAll(async () => {
    reader.close();
    foreign?.close();
    if (program) {
      const closed = once(program, 'close');
      process.kill(-(program.pid as number), 'SIGKILL'); // its process group
      await closed;
    }
  });

  const python = realPythonOrSkip('psutil');
  describe.runIf(python !== undefined)('beside psutil', () => {
    let before: HostSnapshot;
    let after: HostSnapshot;
    let process_: ProcessSnapshot;
    let theirs: Theirs;
    beforeAll(async () => {
      const script = fileURLToPath(new URL('psutil-reader.py', import.meta.url));
      const child = spawn(python as string, [script, String(program.pid)]);
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const ask = async (): Promise<Theirs> => {
        child.stdin.write('\n');
        return JSON.parse(String((await lines.next()).value)) as Theirs;
      };
      await ask(); // once for nothing: it has to be started
      do {
        before = reader.read();
        await turn(); // a file system's answer comes in the background
      } while (before.filesystems.length === 0);
      before = reader.read();
      process_ = foreign.read() as ProcessSnapshot;
      theirs = await ask();
      after = reader.read();
      child.stdin.end();
      await once(child, 'close');
    });
    const between = (
      low: number | undefined,
      value: number | undefined,
      high: number | undefined,
      unit = 0,
    ) => {
      expect(value).toBeGreaterThanOrEqual((low ?? Number.NaN) - unit);
      expect(value).toBeLessThanOrEqual((high ?? Number.NaN) + unit);
    };
    /** What comes and goes with the machine's other work. */
    const about = (ours: number | undefined, value: number | undefined, share: number) =>
      expect(Math.abs((ours ?? Number.NaN) - (value ?? Number.NaN))).toBeLessThanOrEqual(
        share * (before.memory?.total ?? 0),
      );

    it('counts the same CPU time', () => {
      expect(before.cpuCount).toBe(theirs.cpuCount);
      for (const mode of ['user', 'nice', 'system', 'idle', 'iowait', 'steal'] as const) {
        // psutil takes the guests off the user time; there are none, or the mode is left out.
        if (mode === 'user' && theirs.cpu['guest'] !== 0) continue;
        between(before.cpu?.[mode], theirs.cpu[mode], after.cpu?.[mode], TICK);
      }
      between(
        before.cpu?.interrupt,
        (theirs.cpu['irq'] ?? 0) + (theirs.cpu['softirq'] ?? 0),
        after.cpu?.interrupt,
        TICK,
      );
    });

    it('reads the same memory and swap', () => {
      const { memory, swap } = before;
      expect(memory?.total).toBe(theirs.memory['total']);
      about(memory?.free, theirs.memory['free'], 0.05);
      about(memory?.available, theirs.memory['available'], 0.05);
      about(memory?.buffers, theirs.memory['buffers'], 0.02);
      about(memory?.cached, theirs.memory['cached'], 0.05);
      expect(swap?.total ?? 0).toBe(theirs.swap['total']);
    });

    it('counts the same bytes of every disk and every interface', () => {
      expect(before.disks.length + before.networks.length).toBeGreaterThan(0);
      for (const [i, disk] of before.disks.entries()) {
        const other = theirs.disks[disk.name];
        const later = after.disks[i];
        between(disk.readBytes, other?.['read_bytes'], later?.readBytes);
        between(disk.writtenBytes, other?.['write_bytes'], later?.writtenBytes);
        between(disk.reads, other?.['read_count'], later?.reads);
        between(disk.busy, (other?.['busy_time'] ?? 0) / 1000, later?.busy, 0.001);
      }
      for (const [i, network] of before.networks.entries()) {
        const other = theirs.networks[network.name];
        const later = after.networks[i];
        between(network.receivedBytes, other?.['bytes_recv'], later?.receivedBytes);
        between(network.sentBytes, other?.['bytes_sent'], later?.sentBytes);
        between(network.receivedPackets, other?.['packets_recv'], later?.receivedPackets);
        between(network.receiveDropped, other?.['dropin'], later?.receiveDropped);
        between(network.sendErrors, other?.['errout'], later?.sendErrors);
      }
    });

    it('sees the same file system', () => {
      const root = before.filesystems.find(({ mountpoint }) => mountpoint === '/');
      expect(root?.size).toBe(theirs.root['total']);
      about(root?.available, theirs.root['free'], 0.05);
    });

    it('reads the same of another process and its children', () => {
      const { process: ours } = process_;
      between(theirs.process.user - TICK, ours.cpuUser, theirs.process.user + TICK);
      between(theirs.process.system - TICK, ours.cpuSystem, theirs.process.system + TICK);
      expect({
        rss: ours.residentBytes,
        vms: ours.virtualBytes,
        threads: ours.threads,
        files: ours.openFiles,
        voluntary: ours.voluntarySwitches,
        involuntary: ours.involuntarySwitches,
      }).toEqual({
        rss: theirs.process.rss,
        vms: theirs.process.vms,
        threads: theirs.process.threads,
        files: theirs.process.files,
        voluntary: theirs.process.voluntary,
        involuntary: theirs.process.involuntary,
      });
      const { children } = theirs.process;
      expect(children).toHaveLength(2);
      expect(ours.children).toMatchObject({
        count: 2,
        residentBytes: children.reduce((sum, { rss }) => sum + rss, 0),
        threads: children.reduce((sum, { threads }) => sum + threads, 0),
      });
    });
  });

  const iostat = existsSync('/usr/bin/iostat');
  if (!iostat) console.log('skipped: sysstat: no iostat here');
  it.runIf(iostat)('counts the same bytes of disks as iostat, in its unit', async () => {
    const before = reader.read();
    const { stdout } = await run('iostat', ['-d', '-k', '-o', 'JSON']);
    const after = reader.read();
    const report = JSON.parse(stdout) as {
      sysstat: {
        hosts: { statistics: { disk: { disk_device: string; kB_read: number; kB_wrtn: number }[] }[] }[];
      };
    };
    const disks = report.sysstat.hosts[0]?.statistics[0]?.disk ?? [];
    for (const [i, ours] of before.disks.entries()) {
      const theirs = disks.find((disk) => disk.disk_device === ours.name);
      if (!theirs) continue; // iostat leaves out disks that were never used
      expect(theirs.kB_read * 1024).toBeGreaterThan((ours.readBytes ?? Number.NaN) - 1024);
      expect(theirs.kB_read * 1024).toBeLessThanOrEqual(after.disks[i]?.readBytes ?? 0);
      expect(theirs.kB_wrtn * 1024).toBeGreaterThan((ours.writtenBytes ?? Number.NaN) - 1024);
      expect(theirs.kB_wrtn * 1024).toBeLessThanOrEqual(after.disks[i]?.writtenBytes ?? 0);
    }
  });

  const procps = existsSync('/usr/bin/vmstat') && existsSync('/usr/bin/free');
  if (!procps) console.log('skipped: procps: no vmstat and free here');
  it.runIf(procps)('counts the same as vmstat, free and ps', async () => {
    const before = reader.read();
    const [{ stdout: vmstat }, { stdout: free }, { stdout: ps }] = [
      await run('vmstat', ['-s']),
      await run('free', ['-b']),
      await run('ps', ['-o', 'rss=,vsz=,nlwp=', '-p', String(program.pid)]),
    ];
    const after = reader.read();
    const line = (text: string) => Number(new RegExp(`(\\d+) ${text}`).exec(vmstat)?.[1] ?? Number.NaN);
    for (const [text, low, high] of [
      ['pages swapped in', before.paging?.pagesIn, after.paging?.pagesIn],
      ['pages swapped out', before.paging?.pagesOut, after.paging?.pagesOut],
      ['idle cpu ticks', (before.cpu?.idle ?? 0) * 100, (after.cpu?.idle ?? 0) * 100],
      ['system cpu ticks', (before.cpu?.system ?? 0) * 100, (after.cpu?.system ?? 0) * 100],
    ] as const) {
      expect(line(text), text).toBeGreaterThanOrEqual((low ?? 0) - 1);
      expect(line(text), text).toBeLessThanOrEqual((high ?? 0) + 1);
    }
    expect(before.memory?.total).toBe(Number(/^Mem:\s+(\d+)/m.exec(free)?.[1]));
    const { process: ours } = foreign.read() as ProcessSnapshot;
    expect(ps.trim().split(/\s+/).map(Number)).toEqual([
      (ours.residentBytes ?? 0) / 1024,
      (ours.virtualBytes ?? 0) / 1024,
      ours.threads,
    ]);
  });
});

/** Makes cgroups here, as a container engine would; undefined where that is not allowed. */
function makeCgroups(name: string): { limits: () => string[]; remove: () => void } | undefined {
  const root = '/sys/fs/cgroup';
  const writable = (path: string) => {
    try {
      accessSync(path, constants.W_OK);
      return process.getuid?.() === 0;
    } catch {
      return false;
    }
  };
  const own = (controller: string): string =>
    new RegExp(`^\\d+:[^:]*\\b${controller}\\b[^:]*:(.*)$`, 'm').exec(
      readFileSync('/proc/self/cgroup', 'utf8'),
    )?.[1] ?? '/';
  if (!['memory', 'cpu', 'cpuacct'].every((controller) => writable(`${root}/${controller}`)))
    return undefined;
  const folders = ['memory', 'cpu', 'cpuacct'].map((controller) => {
    const folder = `${root}/${controller}${own(controller).replace(/\/$/, '')}/${name}`;
    mkdirSync(folder);
    return folder;
  });
  const [memory, cpu] = folders;
  writeFileSync(`${memory}/memory.limit_in_bytes`, String(256 * 1024 ** 2));
  writeFileSync(`${cpu}/cpu.cfs_period_us`, '100000');
  writeFileSync(`${cpu}/cpu.cfs_quota_us`, '30000');
  return {
    limits: () => folders.map((folder) => `${folder}/cgroup.procs`),
    remove: () => folders.forEach((folder) => rmdirSync(folder)),
  };
}

const cgroups = process.platform === 'linux' ? makeCgroups(`llm-otel-${process.pid}`) : undefined;
if (!cgroups) console.log('skipped: a limited cgroup: none can be made here');

describe.runIf(cgroups !== undefined)('inside a cgroup with limits', () => {
  afterAll(() => cgroups?.remove());

  it("gives the container's figures, not the machine's", async () => {
    const entry = new URL('../../src/observers/host/linux-reader.ts', import.meta.url);
    // Takes memory, and CPU until it has been held back.
    const source = `
      import { LinuxReader } from ${JSON.stringify(entry.href)};
      const memory = Buffer.alloc(64 * 1024 ** 2, 1);
      const reader = new LinuxReader({ cadence: { details: 100 } });
      let container;
      for (const end = Date.now() + 10_000; Date.now() < end; ) {
        container = reader.read().container;
        if (container.throttledPeriods > 0 && container.throttled > 0) break;
      }
      console.log(JSON.stringify({ ...container, host: reader.read().memory.total, kept: memory.length }));`;
    const enter = (cgroups?.limits() ?? []).map((file) => `echo $$ > ${file}`).join(' && ');
    const { stdout } = await run('sh', [
      '-c',
      `${enter} && exec "$0" --input-type=module -e "$1"`,
      process.execPath,
      source,
    ]);
    const container = JSON.parse(stdout) as Record<string, number>;
    expect(container).toMatchObject({ memoryLimit: 256 * 1024 ** 2, cpuLimit: 0.3, oomKills: 0 });
    expect(container['memory']).toBeGreaterThan(64 * 1024 ** 2);
    expect(container['memory']).toBeLessThanOrEqual(256 * 1024 ** 2);
    expect(container['rss']).toBeGreaterThan(64 * 1024 ** 2);
    expect(container['workingSet']).toBeLessThanOrEqual(container['memory'] as number);
    expect(container['throttled']).toBeGreaterThan(0);
    expect(container['cpu']).toBeGreaterThan(0);
    expect(container['host']).toBeGreaterThan(256 * 1024 ** 2);
  });
});
