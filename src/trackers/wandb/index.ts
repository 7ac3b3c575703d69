import type { Platform } from '../platform.ts';
import { WANDB_OPTIONS, type WandbOptions, wandbSettings } from './config.ts';
import { WandbOfflineSink } from './offline/offline-sink.ts';
import { WandbOnlineSink } from './online-sink.ts';

export const wandbPlatform: Platform<WandbOptions> = {
  help: 'Weights & Biases: a server, or a folder for `wandb sync`',
  options: WANDB_OPTIONS,
  createSink(options, context) {
    const settings = wandbSettings(options, context);
    if (!settings) return undefined;
    return settings.mode === 'online' ? new WandbOnlineSink(settings) : new WandbOfflineSink(settings);
  },
};

export { WandbOfflineSink, WandbOnlineSink, wandbSettings, type WandbOptions };
