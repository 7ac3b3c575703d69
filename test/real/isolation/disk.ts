import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of its own that can be full: a small tmpfs, which only root can mount. */
export interface SmallDisk {
  folder: string;
  /** Fills what is left, but so many bytes. */
  fill(leave: number): void;
  /** Makes room again. */
  free(): void;
  remove(): void;
}

/** @returns why there is none, where that is so */
export function mountSmallDisk(bytes: number): SmallDisk | { missing: string } {
  if (process.platform !== 'linux') return { missing: 'a disk of its own needs tmpfs (Linux)' };
  if (process.getuid?.() !== 0) return { missing: 'only root can mount a disk to be filled' };
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-disk-'));
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync(
    'mount',
    ['-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'tmpfs', folder],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) {
    rmSync(folder, { recursive: true });
    return { missing: `tmpfs cannot be mounted here (${stderr.trim()})` };
  }
  const remove = (): void => {
    process.off('exit', remove);
    // Lazily: at an early end the Collector may still have a file open.
    spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', remove);
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill(leave) {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
    },
    free: () => unlinkSync(ballast),
    remove,
  };
}
