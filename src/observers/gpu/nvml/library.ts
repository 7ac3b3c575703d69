import { NVML } from './codes.ts';

/** A native function: `h` a handle (pointer as bigint), `u` unsigned int, `p` a buffer, `l` unsigned long long. All return nvmlReturn_t. */
type Parameters = string;

/**
 * The functions of NVML that are used, each by its symbols, newest first (nvml.h). A symbol that the library does not
 * have makes the function answer "function not found", as NVML itself would.
 */
const FUNCTIONS = {
  init: [['nvmlInit_v2'], ''],
  shutdown: [['nvmlShutdown'], ''],
  driverVersion: [['nvmlSystemGetDriverVersion'], 'pu'],
  cudaVersion: [['nvmlSystemGetCudaDriverVersion_v2', 'nvmlSystemGetCudaDriverVersion'], 'p'],
  count: [['nvmlDeviceGetCount_v2'], 'p'],
  handleByIndex: [['nvmlDeviceGetHandleByIndex_v2'], 'up'],
  name: [['nvmlDeviceGetName'], 'hpu'],
  uuid: [['nvmlDeviceGetUUID'], 'hpu'],
  serial: [['nvmlDeviceGetSerial'], 'hpu'],
  pciInfo: [['nvmlDeviceGetPciInfo_v3'], 'hp'],
  memoryV2: [['nvmlDeviceGetMemoryInfo_v2'], 'hp'],
  memory: [['nvmlDeviceGetMemoryInfo'], 'hp'],
  utilization: [['nvmlDeviceGetUtilizationRates'], 'hp'],
  encoder: [['nvmlDeviceGetEncoderUtilization'], 'hpp'],
  decoder: [['nvmlDeviceGetDecoderUtilization'], 'hpp'],
  temperatureV: [['nvmlDeviceGetTemperatureV'], 'hp'],
  temperature: [['nvmlDeviceGetTemperature'], 'hup'],
  power: [['nvmlDeviceGetPowerUsage'], 'hp'],
  powerLimit: [['nvmlDeviceGetEnforcedPowerLimit'], 'hp'],
  energy: [['nvmlDeviceGetTotalEnergyConsumption'], 'hp'],
  clock: [['nvmlDeviceGetClockInfo'], 'hup'],
  clockEvents: [
    ['nvmlDeviceGetCurrentClocksEventReasons', 'nvmlDeviceGetCurrentClocksThrottleReasons'],
    'hp',
  ],
  fan: [['nvmlDeviceGetFanSpeed'], 'hp'],
  eccErrors: [['nvmlDeviceGetTotalEccErrors'], 'huup'],
  remappedRows: [['nvmlDeviceGetRemappedRows'], 'hpppp'],
  fieldValues: [['nvmlDeviceGetFieldValues'], 'hup'],
  processes: [['nvmlDeviceGetComputeRunningProcesses_v3'], 'hpp'],
  migMode: [['nvmlDeviceGetMigMode'], 'hpp'],
  maxMigDevices: [['nvmlDeviceGetMaxMigDeviceCount'], 'hp'],
  migHandle: [['nvmlDeviceGetMigDeviceHandleByIndex'], 'hup'],
  eventSetCreate: [['nvmlEventSetCreate'], 'p'],
  eventSetFree: [['nvmlEventSetFree'], 'h'],
  registerEvents: [['nvmlDeviceRegisterEvents'], 'hlh'],
  eventSetWait: [['nvmlEventSetWait_v2'], 'hpu'],
} as const satisfies Record<string, readonly [symbols: readonly string[], parameters: Parameters]>;

export type NvmlFunction = (...args: (bigint | number | Buffer)[]) => number;
export type NvmlLibrary = Readonly<Record<keyof typeof FUNCTIONS, NvmlFunction>>;

/** What is used of koffi, an optional dependency. */
export interface Koffi {
  load(path: string): { func(name: string, result: string, parameters: string[]): unknown };
}

const NATIVE_TYPES: Readonly<Record<string, string>> = {
  h: 'uint64_t',
  l: 'uint64_t',
  u: 'uint32_t',
  p: 'void *',
};

/** Where the library lies beside the loader's own places: WSL, NixOS, GKE. */
const LINUX_LIBRARIES = [
  'libnvidia-ml.so.1',
  '/usr/lib/wsl/lib/libnvidia-ml.so.1',
  '/run/opengl-driver/lib/libnvidia-ml.so.1',
  '/usr/local/nvidia/lib64/libnvidia-ml.so.1',
];

export function libraryPaths(platform: NodeJS.Platform, given: string | undefined): readonly string[] {
  if (given) return [given];
  return platform === 'win32' ? ['nvml.dll'] : LINUX_LIBRARIES;
}

/** Loads the library; undefined when there is none. */
export function loadNvml(koffi: Koffi, paths: readonly string[]): NvmlLibrary | undefined {
  for (const path of paths) {
    let library: ReturnType<Koffi['load']>;
    try {
      library = koffi.load(path);
    } catch {
      continue; // not there, or not for this machine
    }
    const functions = Object.entries(FUNCTIONS).map(([name, [symbols, parameters]]) => [
      name,
      bind(library, symbols, parameters),
    ]);
    return Object.fromEntries(functions) as NvmlLibrary;
  }
  return undefined;
}

function bind(
  library: ReturnType<Koffi['load']>,
  symbols: readonly string[],
  parameters: Parameters,
): NvmlFunction {
  const types = Array.from(parameters, (kind) => NATIVE_TYPES[kind] as string);
  for (const symbol of symbols) {
    try {
      return library.func(symbol, 'int', types) as NvmlFunction;
    } catch {
      // an older library
    }
  }
  return () => NVML.FUNCTION_NOT_FOUND;
}
