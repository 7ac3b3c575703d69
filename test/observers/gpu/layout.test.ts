import { describe, expect, it } from 'vitest';
import { LAYOUT, structVersion } from '../../../src/observers/gpu/nvml/layout.ts';

/** sizeof and offsetof of the published nvml.h (API 13, NVIDIA/go-nvml v0.13.4), compiled by gcc for x86-64. */
const PUBLISHED: Record<keyof typeof LAYOUT, Record<string, number>> = {
  pciInfo: { size: 68, busId: 36 },
  memory: { size: 24, total: 0, free: 8, used: 16 },
  memoryV2: { size: 40, version: 0, total: 8, reserved: 16, free: 24, used: 32 },
  utilization: { size: 8, gpu: 0, memory: 4 },
  temperature: { size: 12, version: 0, sensor: 4, temperature: 8 },
  fieldValue: { size: 40, id: 0, scope: 4, valueType: 24, result: 28, value: 32 },
  processInfo: { size: 24, pid: 0, memory: 8 },
  eventData: { size: 32, device: 0, eventType: 8, eventData: 16 },
};

describe("the layout of NVML's structures", () => {
  it('is that of the published header', () => {
    expect(LAYOUT).toEqual(PUBLISHED);
  });
  it('makes the version numbers that the library asks for', () => {
    expect(structVersion(LAYOUT.memoryV2.size, 2)).toBe(0x0200_0028);
    expect(structVersion(LAYOUT.temperature.size, 1)).toBe(0x0100_000c);
  });
});
