/** nvmlReturn_t (nvml.h). */
export const NVML = {
  SUCCESS: 0,
  UNINITIALIZED: 1,
  INVALID_ARGUMENT: 2,
  NOT_SUPPORTED: 3,
  NO_PERMISSION: 4,
  NOT_FOUND: 6,
  INSUFFICIENT_SIZE: 7,
  DRIVER_NOT_LOADED: 9,
  TIMEOUT: 10,
  FUNCTION_NOT_FOUND: 13,
  GPU_IS_LOST: 15,
  RESET_REQUIRED: 16,
  OPERATING_SYSTEM: 17,
  LIB_RM_VERSION_MISMATCH: 18,
  ARGUMENT_VERSION_MISMATCH: 25,
  DEPRECATED: 26,
  UNKNOWN: 999,
} as const;

const NAMES = new Map<number, string>(
  Object.entries(NVML).map(([name, code]) => [code, name.toLowerCase().replaceAll('_', ' ')]),
);

export function nvmlErrorText(code: number): string {
  return `NVML error ${code} (${NAMES.get(code) ?? 'see nvmlReturn_t'})`;
}

/** The reading will never work on this device. */
export const isForGood = (code: number): boolean =>
  code === NVML.NOT_SUPPORTED || code === NVML.FUNCTION_NOT_FOUND || code === NVML.DEPRECATED;
/** The device is gone; the others are not. */
export const isLost = (code: number): boolean => code === NVML.GPU_IS_LOST || code === NVML.RESET_REQUIRED;
/** The library must be opened anew, by a new process. */
export const isDriverTrouble = (code: number): boolean =>
  code === NVML.UNINITIALIZED || code === NVML.DRIVER_NOT_LOADED || code === NVML.LIB_RM_VERSION_MISMATCH;
