import { describe, expect, it } from 'vitest';
import { parseSmiLine, SMI_FIELDS, unknownField } from '../../../src/observers/gpu/smi/query.ts';

const MIB = 1024 ** 2;
const LINE =
  '1, GPU-aaaa, NVIDIA H100 80GB HBM3, 00000000:1B:00.0, 580.65.06, 1652123000003, 97, 41, 81559, 70123, 61, 58, 668.17, 700.00, 1980, 1980, 2619, [N/A], 0x0000000000000044, 0, 2';

describe('a line of nvidia-smi', () => {
  it('is read in SI units', () => {
    expect(parseSmiLine(LINE, SMI_FIELDS)).toEqual({
      driverVersion: '580.65.06',
      device: {
        identity: {
          id: 'GPU-aaaa',
          index: 1,
          vendor: 'NVIDIA',
          name: 'NVIDIA H100 80GB HBM3',
          serial: '1652123000003',
          pciAddress: '0000:1b:00.0',
        },
        state: 'degraded',
        reason: 'uncorrected memory errors',
        readings: {
          utilization: 0.97,
          memoryController: 0.41,
          memoryTotal: 81_559 * MIB,
          memoryUsed: 70_123 * MIB,
          temperature: 61,
          memoryTemperature: 58,
          power: 668.17,
          powerLimit: 700,
          graphicsClock: 1980e6,
          smClock: 1980e6,
          memoryClock: 2619e6,
          throttle: ['power_cap', 'hw_thermal'],
          eccCorrected: 0,
          eccUncorrected: 2,
        },
      },
    });
  });

  it.each(['[N/A]', '[Not Supported]', '[Unknown Error]', '[Insufficient Permissions]', ''])(
    'has no value where it says %j',
    (text) => {
      const fields = [
        'index',
        'uuid',
        'name',
        'pci.bus_id',
        'driver_version',
        'serial',
        'power.draw',
        'fan.speed',
      ];
      const parsed = parseSmiLine(`0, GPU-a, A100, 0000:07:00.0, 550, 1, ${text}, 30`, fields);
      expect(parsed?.device.readings).toEqual({ fan: 0.3 });
    },
  );

  it('tells of a GPU that was lost', () => {
    const fields = ['index', 'uuid', 'name', 'pci.bus_id', 'driver_version', 'serial', 'power.draw'];
    expect(parseSmiLine('0, GPU-a, A100, 0000:07:00.0, 550, 1, [GPU is lost]', fields)?.device).toMatchObject(
      {
        state: 'failed',
        readings: {},
      },
    );
  });

  it.each([
    '',
    'No devices were found',
    '0, GPU-a',
    `${LINE}, 7`,
    LINE.replace('1, GPU', ', GPU'),
    LINE.replace('GPU-', 'x'),
  ])('is none: %j', (line) => {
    expect(parseSmiLine(line, SMI_FIELDS)).toBeUndefined();
  });

  it('names the field that it does not know', () => {
    expect(unknownField('Field "clocks.gr" is not a valid field to query.\n')).toBe('clocks.gr');
    expect(unknownField('NVIDIA-SMI has failed')).toBeUndefined();
  });
});
