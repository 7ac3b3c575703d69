import { mlflowPlatform } from './mlflow/index.ts';

/** The trackers by name. A room that adds one adds its line here; nothing else has to know. */
export const PLATFORMS = {
  mlflow: mlflowPlatform,
  // wandb: wandbPlatform, comet: cometPlatform, local: localPlatform
};

export type PlatformName = keyof typeof PLATFORMS;
