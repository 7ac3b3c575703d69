import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NvmlStub, stubPossible, uuid } from './nvml-stub.ts';
import { byGpu, Observed } from './observed-program.ts';

const has = (points: ReadonlyMap<string, unknown>, name: string) => points.has(name);
const gpus = (values: Record<string, number>) => Object.keys(values).sort().join(' ');
const ALL = '0 1 2 3 4 5 6 7';
const WITHOUT_3 = '0 1 2 4 5 6 7';

describe.runIf(stubPossible)('GPUs through a real export, cumulative', () => {
  let stub: NvmlStub;
  let observed: Observed;
  beforeEach(() => {
    stub = new NvmlStub();
  });
  afterEach(async () => {
    await observed.close();
    stub.remove();
  });
  const start = async (options: object = {}, env: Record<string, string> = {}) =>
    (observed = await Observed.start({ ...stub.env, ...env }, { restartMs: 100, ...options }));

  it('arrive with all their values, names and attributes', async () => {
    await start();
    const points = await observed.until((found) => has(found, 'hw.power'));
    const each = (of: (index: number) => number) =>
      Object.fromEntries(Array.from({ length: 8 }, (_, i) => [String(i), of(i)]));
    const gib = 1024 ** 3;
    expect(byGpu(points, 'hw.power')).toEqual(each((i) => 300 + i));
    expect(byGpu(points, 'hw.power.limit')).toEqual(each(() => 700));
    expect(byGpu(points, 'hw.gpu.memory.usage')).toEqual(each((i) => (i + 1) * gib));
    expect(byGpu(points, 'hw.gpu.memory.limit')).toEqual(each(() => 80 * gib));
    expect(byGpu(points, 'hw.gpu.memory.utilization')).toEqual(each((i) => (i + 1) / 80));
    expect(byGpu(points, 'hw.gpu.memory.controller.utilization')).toEqual(each((i) => (5 * i + 1) / 100));
    expect(byGpu(points, 'hw.gpu.utilization', 'hw.gpu.task')).toMatchObject({
      '3 general': 0.35,
      '3 encoder': 0.03,
      '3 decoder': 0.04,
    });
    expect(byGpu(points, 'hw.temperature', 'hw.sensor_location')).toMatchObject({
      '4 gpu': 44,
      '4 memory': 54,
    });
    expect(byGpu(points, 'hw.gpu.speed', 'hw.gpu.clock_domain')).toMatchObject({
      '1 graphics': 1501e6,
      '1 sm': 1601e6,
      '1 memory': 2601e6,
    });
    expect(byGpu(points, 'hw.gpu.throttled', 'hw.gpu.throttle_reason')).toMatchObject({
      '2 power_cap': 1,
      '2 hw_thermal': 1,
      '2 sw_thermal': 0,
      '3 power_cap': 0,
    });
    expect(byGpu(points, 'hw.errors', 'error.type')).toMatchObject({ '5 uncorrected': 2, '4 corrected': 4 });
    expect(byGpu(points, 'hw.gpu.io', 'network.io.direction')).toMatchObject({
      '0 transmit': 3e6,
      '0 receive': 4e6,
    });
    expect(byGpu(points, 'hw.gpu.interconnect.io', 'network.io.direction')['2 receive']).toBe(2002 * 1024);
    expect(byGpu(points, 'hw.fan.speed_ratio')).toEqual({ '7': 0.55 });
    expect(byGpu(points, 'hw.energy')).toEqual(each(() => 0));
    expect(byGpu(points, 'hw.status', 'hw.state')).toMatchObject({
      '0 ok': 1,
      '0 failed': 0,
      '2 degraded': 1,
      '2 ok': 0,
    });
    expect(points.get('hw.power')?.[6]?.attributes).toEqual({
      'hw.id': uuid(6),
      'hw.type': 'gpu',
      'hw.name': 'NVIDIA H100 80GB HBM3',
      'gpu.index': 6,
      'gpu.assigned': true,
    });
    expect(points.get('hw.status')?.[0]?.attributes).toMatchObject({
      'hw.vendor': 'NVIDIA',
      'hw.serial_number': '1652123000000',
      'hw.driver_version': '580.65.06',
      'host.gpu.cuda_version': '13.1',
      'gpu.pci_address': '0000:1a:00.0',
    });
    expect(points.get('llm_otel.observer.up')?.map(({ value }) => value)).toEqual([1]);
  });

  it('count energy since the start, over a new start of the driver counter', async () => {
    stub.set('value energy 5000000');
    await start();
    await observed.until((found) => byGpu(found, 'hw.energy')['0'] === 0);
    stub.set('value energy 5450000');
    await observed.until((found) => byGpu(found, 'hw.energy')['0'] === 450);
    stub.set('value energy 30000');
    await observed.until((found) => byGpu(found, 'hw.energy')['0'] === 480);
  });

  it('have no stale point of a GPU that was lost, show it as failed, and have it again', async () => {
    await start({ slowInterval: 400 });
    await observed.until((found) => has(found, 'hw.power'));
    stub.set('lost 3', 'xid 3 79');
    const lost = await observed.until((found) => byGpu(found, 'hw.status', 'hw.state')['3 failed'] === 1);
    for (const points of [lost, await observed.until(() => true), await observed.until(() => true)]) {
      for (const name of ['hw.power', 'hw.energy', 'hw.gpu.memory.usage'])
        expect([name, gpus(byGpu(points, name))]).toEqual([name, WITHOUT_3]);
      // Of an export without a new sample there are no statistics.
      for (const name of ['hw.power.max', 'hw.temperature.mean'])
        if (has(points, name)) expect([name, gpus(byGpu(points, name))]).toEqual([name, WITHOUT_3]);
    }
    await observed.until((found) => byGpu(found, 'hw.errors', 'error.type')['3 xid_79'] === 1);
    stub.set();
    const back = await observed.until((found) => gpus(byGpu(found, 'hw.power')) === ALL);
    expect(byGpu(back, 'hw.status', 'hw.state')).toMatchObject({ '3 ok': 1, '3 failed': 0 });
  });

  it('vanish while a call hangs, which delays nothing, and are back when it returns', async () => {
    await start();
    await observed.until((found) => has(found, 'hw.power'));
    stub.set('hang utilization 5');
    // The program goes on exporting meanwhile.
    const stalled = await observed.until((found) => !has(found, 'hw.power'));
    expect([...stalled.keys()].filter((name) => name.startsWith('hw.'))).toEqual([]);
    expect(stalled.get('llm_otel.observer.up')).toEqual([
      { value: 0, attributes: { 'llm_otel.observer': 'gpu', 'llm_otel.reason': 'stalled' } },
    ]);
    stub.set();
    const back = await observed.until((found) => has(found, 'hw.power'));
    expect(gpus(byGpu(back, 'hw.power'))).toBe(ALL);
  });

  it('are read by a new process when a call hangs for good', async () => {
    await start({ hangMs: 100 });
    await observed.until((found) => has(found, 'hw.power'));
    const before = samplers(observed.child.pid as number);
    stub.set('hang energy');
    await observed.until((found) => !has(found, 'hw.power'));
    await vi.waitFor(() => expect(samplers(observed.child.pid as number)).not.toEqual(before), 20_000);
    stub.set();
    await observed.until((found) => has(found, 'hw.power'));
  });

  it('do not hold up the end of the program while a call hangs, and leave no process behind', async () => {
    await start();
    await observed.until((found) => has(found, 'hw.power'));
    const children = samplers(observed.child.pid as number);
    expect(children).toHaveLength(2);
    stub.set('hang memory');
    await observed.until((found) => !has(found, 'hw.power'));
    observed.end();
    expect(await observed.ended).toBe(0); // the call still hangs
    await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), 20_000);
  });

  it('leave no process behind when the program is killed', async () => {
    await start();
    await observed.until((found) => has(found, 'hw.power'));
    const children = samplers(observed.child.pid as number);
    observed.child.kill('SIGKILL');
    await observed.ended;
    await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), 20_000);
  });

  it('survive a crash of the process that reads them', async () => {
    await start();
    await observed.until((found) => has(found, 'hw.power'));
    const [, sampler] = samplers(observed.child.pid as number);
    process.kill(sampler as number, 'SIGSEGV');
    const down = await observed.until((found) => !has(found, 'hw.power'));
    expect(down.get('llm_otel.observer.up')?.[0]?.attributes).toMatchObject({ 'llm_otel.reason': 'crashed' });
    await observed.until((found) => has(found, 'hw.power'));
  });

  it('survive that their keeper is killed, again and again, without a fork of the program', async () => {
    await start();
    for (let times = 0; times < 3; times++) {
      await observed.until((found) => has(found, 'hw.power'));
      const [keeper] = readers(stub);
      process.kill(keeper as number, 'SIGKILL');
      const down = await observed.until((found) => !has(found, 'hw.power'));
      expect(down.get('llm_otel.observer.up')).toEqual([
        { value: 0, attributes: { 'llm_otel.observer': 'gpu', 'llm_otel.reason': 'crashed' } },
      ]);
      const back = await observed.until((found) => has(found, 'hw.power'));
      expect(gpus(byGpu(back, 'hw.power'))).toBe(ALL);
      expect(readers(stub)).toHaveLength(2);
      expect(readers(stub)).not.toContain(keeper);
      expect(samplers(observed.child.pid as number)).toEqual([]);
    }
    observed.end();
    expect(await observed.ended).toBe(0);
    await vi.waitFor(() => expect(readers(stub)).toEqual([]), 20_000);
  });

  it('come back when a keeper is killed while a call of its sampler hangs, once that returns', async () => {
    await start();
    await observed.until((found) => has(found, 'hw.power'));
    stub.set('hang utilization');
    await observed.until((found) => !has(found, 'hw.power'));
    const [keeper, sampler] = readers(stub);
    process.kill(keeper as number, 'SIGKILL');
    await observed.until(
      (found) => found.get('llm_otel.observer.up')?.[0]?.attributes['llm_otel.reason'] === 'crashed',
    );
    expect(readers(stub)).toEqual([sampler]);
    stub.set();
    const back = await observed.until((found) => has(found, 'hw.power'));
    expect(gpus(byGpu(back, 'hw.power'))).toBe(ALL);
  });

  it('leave no process behind when the program is killed after its keeper was', async () => {
    await start();
    await observed.until((found) => has(found, 'hw.power'));
    process.kill(readers(stub)[0] as number, 'SIGKILL');
    await observed.until((found) => !has(found, 'hw.power'));
    observed.child.kill('SIGKILL');
    await observed.ended;
    await vi.waitFor(() => expect(readers(stub)).toEqual([]), 20_000);
  });

  it('survive that keeper and sampler are killed at once', async () => {
    await start();
    await observed.until((found) => has(found, 'hw.power'));
    const [keeper, sampler] = readers(stub);
    process.kill(sampler as number, 'SIGKILL');
    process.kill(keeper as number, 'SIGKILL');
    await observed.until((found) => !has(found, 'hw.power'));
    await observed.until((found) => has(found, 'hw.power'));
    expect(samplers(observed.child.pid as number)).toHaveLength(2);
  });

  it('come once the driver works: it may be another than the library at first', async () => {
    stub.set('code init 18');
    await start();
    const down = await observed.until((found) => has(found, 'llm_otel.observer.up'));
    expect(down.get('llm_otel.observer.up')).toEqual([
      { value: 0, attributes: { 'llm_otel.observer': 'gpu', 'llm_otel.reason': 'driver' } },
    ]);
    expect(has(down, 'hw.power')).toBe(false);
    stub.set();
    await observed.until((found) => has(found, 'hw.power'));
  });

  it('say which of them are assigned to the program', async () => {
    await start({}, { CUDA_VISIBLE_DEVICES: `1,GPU-00000004` });
    const points = await observed.until((found) => has(found, 'hw.power'));
    const ours = points.get('hw.power')?.filter(({ attributes }) => attributes['gpu.assigned'] === true);
    expect(ours?.map(({ attributes }) => attributes['gpu.index'])).toEqual([1, 4]);
  });

  it('come from nvidia-smi where the library cannot be called', async () => {
    stub.set('count 8');
    const smi = new URL('../fixtures/nvidia-smi.sh', import.meta.url).pathname;
    // What the presence is seen by is there; the library itself is none.
    await start({ smi }, { LLM_OTEL_NVML_LIBRARY: '/nowhere/libnvidia-ml.so.1' });
    const points = await observed.until((found) => gpus(byGpu(found, 'hw.power')) === '0 1');
    expect(byGpu(points, 'hw.power')).toEqual({ '0': 68.17, '1': 71.5 });
    observed.end();
    expect(await observed.ended).toBe(0);
  });

  it('cost a machine without a driver nothing: one look, and no process is left', async () => {
    await start({ smi: '/nowhere/nvidia-smi' }, { LLM_OTEL_NVML_LIBRARY: '/nowhere/libnvidia-ml.so.1' });
    await once(observed.child.stdout, 'data');
    await vi.waitFor(() => expect(samplers(observed.child.pid as number)).toEqual([]), 20_000);
    observed.end();
    expect(await observed.ended).toBe(0);
    expect(observed.stderr).toBe('');
  });
});

/** Keeper and sampler by what they got, whoever their parents are. */
function readers(stub: NvmlStub): number[] {
  const found: Record<string, number> = {};
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || !isAlive(Number(name))) continue;
    try {
      const [, which] =
        /\/(keeper|sampler)-process/.exec(readFileSync(`/proc/${name}/cmdline`, 'utf8')) ?? [];
      if (which && readFileSync(`/proc/${name}/environ`, 'utf8').includes(stub.folder))
        found[which] = Number(name);
    } catch {
      // ended meanwhile
    }
  }
  return [found['keeper'], found['sampler']].filter((pid) => pid !== undefined);
}

/** The keeper, then the sampler. */
function samplers(program: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state !== 'Z') parents.set(Number(name), Number(parent));
    } catch {
      // ended meanwhile
    }
  }
  const childOf = (pid: number) =>
    [...parents].filter(([, parent]) => parent === pid).map(([child]) => child);
  const [keeper] = childOf(program);
  return keeper === undefined ? [] : [keeper, ...childOf(keeper)];
}

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
