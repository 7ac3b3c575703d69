export { type BridgeOptions, TrackerBridge } from './bridge.ts';
export { bridgedStore } from './bridged-store.ts';
export { hostSample } from './system-sample.ts';
