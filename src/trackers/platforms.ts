import { cometPlatform } from './comet/index.ts';
import { localPlatform } from './local/index.ts';
import { mlflowPlatform } from './mlflow/index.ts';
import { wandbPlatform } from './wandb/index.ts';

/** The trackers by name. A room that adds one adds its line here; nothing else has to know. */
export const PLATFORMS = {
  mlflow: mlflowPlatform,
  local: localPlatform,
  wandb: wandbPlatform,
  comet: cometPlatform,
};

export type PlatformName = keyof typeof PLATFORMS;
