import type { Platform } from '../platform.ts';
import { COMET_OPTIONS, type CometOptions, cometSettings } from './config.ts';
import { CometOfflineSink } from './offline-sink.ts';
import { CometOnlineSink } from './online-sink.ts';

export const cometPlatform: Platform<CometOptions> = {
  help: 'Comet: a server, or an archive for `comet upload`',
  options: COMET_OPTIONS,
  createSink(options, context) {
    const settings = cometSettings(options, context);
    if (!settings) return undefined;
    return settings.mode === 'online' ? new CometOnlineSink(settings) : new CometOfflineSink(settings);
  },
};

export { CometOfflineSink, CometOnlineSink, cometSettings, type CometOptions };
