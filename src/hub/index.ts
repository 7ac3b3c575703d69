/**
 * The hub: receives OTLP, keeps it, and serves page, API and live stream from one process.
 *
 * @example
 * const hub = await startHub({ dataDir: './.llm-otel' });
 * process.stdout.write(`${hub.pageUrl}\n`);
 * @module
 */
import { createOtlpReceiver } from './receiver/index.ts';
import { type Hub, assembleHub } from './server/hub.ts';
import type { HubOptions } from './server/options.ts';
import { packageVersion } from './server/version.ts';
import { openStore } from './store/index.ts';

/**
 * Starts a hub. Ports are listened on first, then the store is opened, then it answers (503 until then).
 * @throws `HubOptionsError` for options that cannot be, `ListenError` for a port that cannot be had; both say what
 *   to change.
 */
export function startHub(options: HubOptions = {}): Promise<Hub> {
  return assembleHub({ version: packageVersion(), openStore, createReceiver: createOtlpReceiver }, options);
}

export { ListenError } from './server/listen.ts';
export { type HubOptions, HubOptionsError } from './server/options.ts';
export type { Hub } from './server/hub.ts';
export { openStore } from './store/index.ts';
export type * from './store/store.ts';
