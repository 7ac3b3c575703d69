import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Koffi, loadNvml, type NvmlLibrary } from '../../../src/observers/gpu/nvml/library.ts';
import { NvmlSource } from '../../../src/observers/gpu/nvml/source.ts';
import type { GpuDevice } from '../../../src/observers/gpu/sample.ts';
import { DriverTrouble } from '../../../src/observers/gpu/source.ts';
import { GIB, NvmlStub, stubPossible, uuid } from './nvml-stub.ts';

describe.runIf(stubPossible)('GPUs through NVML', () => {
  let stub: NvmlStub;
  let library: NvmlLibrary;
  let source: NvmlSource | undefined;
  let log: string[];

  const koffi = async () => ((await import('koffi')) as unknown as { default: Koffi }).default;
  beforeAll(async () => {
    stub = new NvmlStub();
    library = loadNvml(await koffi(), [stub.library]) as NvmlLibrary;
    process.env['NVML_STUB_STATE'] = stub.env['NVML_STUB_STATE'];
  });
  afterAll(() => {
    delete process.env['NVML_STUB_STATE'];
    stub?.remove();
  });
  beforeEach(() => {
    stub.set();
    log = [];
  });
  afterEach(() => {
    source?.close();
    source = undefined;
  });
  const open = (options: { processes?: boolean } = {}) =>
    (source = new NvmlSource({ library, log: (message) => log.push(message), ...options }));
  const byIndex = (devices: readonly GpuDevice[]) =>
    new Map(devices.map((device) => [device.identity.index ?? device.identity.migIndex, device]));
  const poll = (slow = true) => byIndex((source as NvmlSource).poll(slow).devices);

  it('reads every value of every GPU, in SI units', () => {
    const sample = open().poll(true);
    expect(sample).toMatchObject({ source: 'nvml', driverVersion: '580.65.06', cudaVersion: '13.1' });
    expect(sample.devices.map(({ identity }) => identity.id)).toEqual(
      Array.from({ length: 8 }, (_, i) => uuid(i)),
    );
    expect(sample.devices[3]).toEqual({
      identity: {
        id: uuid(3),
        index: 3,
        vendor: 'NVIDIA',
        name: 'NVIDIA H100 80GB HBM3',
        serial: '1652123000003',
        pciAddress: '0000:1d:00.0',
      },
      state: 'ok',
      readings: {
        utilization: 0.35,
        memoryController: 0.16,
        encoder: 0.03,
        decoder: 0.04,
        memoryTotal: 80 * GIB,
        memoryUsed: 4 * GIB, // without the half GiB that is reserved
        temperature: 43,
        memoryTemperature: 53,
        power: 303,
        powerLimit: 700,
        energy: 9_007_199_254_741,
        graphicsClock: 1503e6,
        smClock: 1603e6,
        memoryClock: 2603e6,
        throttle: [],
        eccCorrected: 3,
        eccUncorrected: 0,
        remappedCorrectable: 3,
        remappedUncorrectable: 0,
        remapPending: false,
        remapFailed: false,
        pcieSent: 3_000_003,
        pcieReceived: 4_000_003,
        nvlinkSent: 1003 * 1024,
        nvlinkReceived: 2003 * 1024,
      },
    });
    const [, , throttled, , , , , cooled] = sample.devices;
    expect(throttled).toMatchObject({
      state: 'degraded',
      readings: { throttle: ['power_cap', 'hw_thermal'] },
    });
    expect(cooled?.readings.fan).toBe(0.55);
    expect(sample.devices[5]).toMatchObject({ state: 'degraded', reason: 'uncorrected memory errors' });
    expect(log).toEqual([]);
  });

  it('asks only for what changes fast between the slow readings, and keeps those', () => {
    open().poll(true);
    stub.set('value temperature 77 1', 'value ecc.corrected 9 1', 'hang fields');
    const device = poll(false).get(1);
    expect(device?.readings).toMatchObject({ temperature: 77, eccCorrected: 1, pcieSent: 3_000_001 });
  });

  it('loses one GPU and goes on with the others; it is back once the driver has it again', () => {
    open().poll(true);
    stub.set('lost 3');
    const devices = (source as NvmlSource).poll(false).devices;
    expect(devices).toHaveLength(8);
    const gone = byIndex(devices);
    expect(gone.get(3)).toEqual({
      identity: expect.objectContaining({ id: uuid(3) }) as object,
      state: 'failed',
      reason: 'NVML error 15 (gpu is lost)',
      readings: {},
    });
    expect([...gone.values()].filter(({ state }) => state !== 'failed')).toHaveLength(7);
    expect(poll(true).get(3)?.readings).toEqual({});
    expect(log).toEqual(['GPU 3: memory: NVML error 15 (gpu is lost)']); // once
    stub.set();
    expect(poll(true).get(3)).toMatchObject({ state: 'ok', readings: { temperature: 43 } });
  });

  it('shows a GPU that was taken out as failed for a while, then forgets it', () => {
    open().poll(true);
    stub.set('count 7');
    expect(poll().get(7)).toMatchObject({ state: 'failed', readings: {} });
    for (let i = 0; i < 9; i++) poll();
    expect(poll().has(7)).toBe(false);
  });

  it('leaves off what a device does not offer, for that device alone, without a word', () => {
    stub.set('code temperature 3 2', 'code power 3');
    open();
    const devices = poll();
    expect(devices.get(2)?.readings).not.toHaveProperty('temperature');
    expect(devices.get(2)?.readings).toHaveProperty('utilization');
    expect(devices.get(1)?.readings.temperature).toBe(41);
    expect(devices.get(1)?.readings).not.toHaveProperty('power');
    stub.set();
    expect(poll().get(2)?.readings).not.toHaveProperty('temperature'); // not asked again
    expect(log).toEqual([]);
  });

  it('leaves a gap for a reading that fails once, and takes it again', () => {
    open();
    stub.set('code utilization 999 4');
    expect(poll().get(4)?.readings).not.toHaveProperty('utilization');
    expect(log).toEqual(['GPU 4: utilization: NVML error 999 (unknown)']);
    stub.set();
    expect(poll().get(4)?.readings.utilization).toBe(0.45);
  });

  it.each([
    [9, 'driver not loaded'],
    [18, 'lib rm version mismatch'],
  ])('is in trouble when the driver answers %d', (code, text) => {
    stub.set(`code init ${code}`);
    expect(open).toThrow(new DriverTrouble(`NVML error ${code} (${text})`));
    stub.set();
    open().poll(true);
    stub.set('code memory 1');
    expect(() => poll()).toThrow(DriverTrouble);
  });

  it('tells driver errors (XID), each once, by their GPU', () => {
    open().poll(true);
    stub.set('xid 6 79', 'xid 6 48', 'xid 0 31');
    const devices = poll(false);
    expect(devices.get(6)?.xids).toEqual([79, 48]);
    expect(devices.get(0)?.xids).toEqual([31]);
    expect(poll(false).get(6)).not.toHaveProperty('xids');
    stub.set('xid 6 79', 'xid 6 48', 'xid 0 31', 'lost 2', 'xid 2 79');
    expect(poll(true).get(2)).toMatchObject({ state: 'failed', xids: [79] }); // also of one that cannot be opened any more
  });

  it('reads MIG devices beside their GPU, and sees them come and go', () => {
    stub.set('mig 1 2', 'code utilization 3 1');
    open();
    const devices = poll();
    expect(devices.get('1:1')).toEqual({
      identity: {
        id: 'MIG-00010001-aaaa-bbbb-cccc-dddddddddddd',
        migIndex: '1:1',
        parent: uuid(1),
        vendor: 'NVIDIA',
        name: 'NVIDIA H100 80GB HBM3 MIG 1g.10gb',
      },
      state: 'ok',
      readings: { memoryTotal: 10 * GIB, memoryUsed: GIB },
    });
    expect(devices.get(1)?.readings).not.toHaveProperty('utilization');
    stub.set('mig 1 1');
    expect([...poll().keys()].filter((key) => String(key).includes(':'))).toEqual(['1:0']);
  });

  it('reads memory by process when asked, without the entries that have none', () => {
    open({ processes: true });
    expect(poll().get(0)?.processes).toEqual([{ pid: 4242, memory: GIB }]);
  });

  it('takes the older functions of an older library', async () => {
    const old = new NvmlStub(['-DOLD']);
    try {
      const oldSource = new NvmlSource({
        library: loadNvml(await koffi(), [old.library]) as NvmlLibrary,
        log: (message) => log.push(message),
      });
      const [device] = oldSource.poll(true).devices;
      expect(device?.readings).toMatchObject({ memoryUsed: 1.5 * GIB, temperature: 40, throttle: [] });
      expect(log).toEqual([]);
      oldSource.close();
    } finally {
      old.remove();
    }
  });

  it('is not there without the library', async () => {
    expect(loadNvml(await koffi(), ['/nowhere/libnvidia-ml.so.1'])).toBeUndefined();
  });
});
