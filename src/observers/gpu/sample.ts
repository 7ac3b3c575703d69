/** Who a device is: read once. */
export interface GpuIdentity {
  /** UUID, as the driver gives it (`GPU-...`, `MIG-...`); for AMD its unique id, else its PCI address. */
  readonly id: string;
  /** Index on the machine, as nvidia-smi shows it. Undefined for a MIG device. */
  readonly index?: number;
  /** MIG device: index of its GPU and its own there, `0:1`. */
  readonly migIndex?: string;
  /** MIG device: `id` of its GPU. */
  readonly parent?: string;
  readonly vendor: 'NVIDIA' | 'AMD';
  readonly name: string;
  readonly serial?: string;
  /** `0000:3b:00.0` */
  readonly pciAddress?: string;
}

/** Clocks are held down by: */
export const THROTTLE_REASONS = [
  'power_cap',
  'hw_slowdown',
  'sw_thermal',
  'hw_thermal',
  'power_brake',
] as const;
export type ThrottleReason = (typeof THROTTLE_REASONS)[number];

/** SI units; shares 0-1. What a device does not offer is not there. */
export interface GpuReadings {
  /** Share of the last 1/6 to 1 s in which a kernel was running. */
  utilization?: number;
  encoder?: number;
  decoder?: number;
  memoryController?: number;
  memoryUsed?: number;
  memoryTotal?: number;
  /** Degrees Celsius. */
  temperature?: number;
  hotspotTemperature?: number;
  memoryTemperature?: number;
  /** Watts. */
  power?: number;
  powerLimit?: number;
  /** Joules since the driver was loaded. */
  energy?: number;
  /** Hertz. */
  graphicsClock?: number;
  smClock?: number;
  memoryClock?: number;
  throttle?: readonly ThrottleReason[];
  /** Share of the highest speed. */
  fan?: number;
  fanRpm?: number;
  /** Since the driver was loaded. */
  eccCorrected?: number;
  eccUncorrected?: number;
  remappedCorrectable?: number;
  remappedUncorrectable?: number;
  remapPending?: boolean;
  remapFailed?: boolean;
  /** Bytes since the driver was loaded. */
  pcieSent?: number;
  pcieReceived?: number;
  nvlinkSent?: number;
  nvlinkReceived?: number;
}

export const GPU_STATES = ['ok', 'degraded', 'predicted_failure', 'failed'] as const;
export type GpuState = (typeof GPU_STATES)[number];

export interface GpuDevice {
  readonly identity: GpuIdentity;
  readonly state: GpuState;
  /** Why it is not `ok`. */
  readonly reason?: string;
  /** Empty when the device failed: no reading outlives its device. */
  readonly readings: GpuReadings;
  /** Driver errors (XID) seen since the sample before. */
  readonly xids?: readonly number[];
  /** Memory by process; only when asked for. */
  readonly processes?: readonly { readonly pid: number; readonly memory: number }[];
}

/** What one source knows at one moment. */
export interface GpuSample {
  readonly source: string;
  readonly driverVersion?: string;
  readonly cudaVersion?: string;
  readonly devices: readonly GpuDevice[];
}

/** State that the readings themselves tell of. */
export function stateOf(readings: GpuReadings): { state: GpuState; reason?: string } {
  if (readings.remapFailed) return { state: 'predicted_failure', reason: 'memory row remapping failed' };
  if (readings.remapPending) return { state: 'degraded', reason: 'memory row remapping needs a reset' };
  if ((readings.eccUncorrected ?? 0) > 0) return { state: 'degraded', reason: 'uncorrected memory errors' };
  const held = readings.throttle?.find((reason) => reason !== 'power_cap' && reason !== 'sw_thermal');
  if (held) return { state: 'degraded', reason: `clocks held down: ${held}` };
  return { state: 'ok' };
}
