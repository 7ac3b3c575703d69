import { statfs } from 'node:fs';
import { isRemote, type Mount, mountOf } from './mounts.ts';
import type { FilesystemReading } from './snapshot.ts';

/** What `fs.statfs` gives, as far as it is used: blocks and their size in bytes. */
export interface Space {
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
}
export type AskSpace = (path: string, answer: (error: Error | null, space: Space) => void) => void;

/**
 * Space of the file systems that hold some paths. They are asked in the background: `readings` gives the last
 * answers and never waits. One that does not answer is not asked again meanwhile, and is left out.
 */
export class Filesystems {
  readonly #ask: AskSpace;
  readonly #paths: readonly string[];
  readonly #mounts: () => readonly Mount[];
  #readings = new Map<string, FilesystemReading>();
  #pending = 0;

  constructor(options: { paths: readonly string[]; mounts: () => readonly Mount[]; ask?: AskSpace }) {
    this.#paths = options.paths;
    this.#mounts = options.mounts;
    this.#ask = options.ask ?? statfs;
  }

  readings(): readonly FilesystemReading[] {
    return [...this.#readings.values()];
  }

  /** Asks anew. Paths on the same file system are asked for once, remote ones not at all. */
  refresh(): void {
    if (this.#pending > 0) return;
    const known = this.#mounts();
    const wanted = new Map<string, Mount>();
    for (const path of this.#paths) {
      const mount = mountOf(known, path) ?? { mountpoint: path, type: '', device: '' };
      if (!isRemote(mount.type)) wanted.set(mount.device || mount.mountpoint, mount);
    }
    const readings = new Map<string, FilesystemReading>();
    this.#pending = wanted.size;
    for (const [key, mount] of wanted) {
      this.#ask(mount.mountpoint, (error, space) => {
        if (!error && space.blocks > 0) readings.set(key, reading(mount, space));
        if (--this.#pending === 0) this.#readings = readings;
      });
    }
  }
}

function reading(mount: Mount, space: Space): FilesystemReading {
  return {
    mountpoint: mount.mountpoint,
    type: mount.type || undefined,
    device: mount.device || undefined,
    size: space.blocks * space.bsize,
    free: space.bfree * space.bsize,
    available: space.bavail * space.bsize,
  };
}
