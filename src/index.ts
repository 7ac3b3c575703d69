/**
 * Everything that a program which trains or serves needs. The hub has an entry of its own (`llm-otel/hub`), so that a
 * recording program does not carry it.
 *
 * @example
 * import { startRun } from 'llm-otel';
 * await using run = await startRun({ project: 'my-llm' });
 * run.step({ 'train/loss': 0.5 });
 * @module
 */
export {
  startTelemetry,
  currentTelemetry,
  type Attachment,
  type Drops,
  type EventExporter,
  type EventExporterOptions,
  type InstrumentRegistry,
  type Telemetry,
  type TelemetryMode,
  type TelemetryOptions,
} from './telemetry/index.ts';
export * from './training/index.ts';
export * from './serving/index.ts';
export {
  energyMeter,
  type EnergyMeter,
  type GpuObserver,
  type GpuObserverOptions,
  type HostInventory,
  hostInventory,
  type HostObserverOptions,
  observe,
  type ObserversOptions,
  type ProcessObserver,
  type ProcessObserverOptions,
  type RuntimeObserverOptions,
  startGpuObserver,
  startHostObserver,
  startObservers,
  startRuntimeObserver,
} from './observers/index.ts';
