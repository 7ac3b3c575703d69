import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_FOLDER } from '../config-folder.ts';

/** One configuration file, as it would be given by `--config`. */
export interface ConfigSource {
  /** Name in messages. */
  name: string;
  text: string;
}

/** A file of `collector-config/`, e.g. `destinations/hub.yaml`. */
export function shippedSource(name: string): ConfigSource {
  return { name, text: readFileSync(join(CONFIG_FOLDER, name), 'utf8') };
}

/** A file of the user's. @throws Error that names the file when it cannot be read */
export function fileSource(path: string): ConfigSource {
  try {
    return { name: path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new Error(`the Collector file ${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
