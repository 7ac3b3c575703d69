/** The stand-in for NVML, built by gcc. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('nvml-stub.c', import.meta.url));

/** Whether the stub can be built and be called here; tests that need it say so in one line when not. */
export const stubPossible = await possible();

async function possible(): Promise<boolean> {
  if (process.platform !== 'linux' || spawnSync('gcc', ['--version']).status !== 0) {
    console.log('skipped: NVML stand-in: no gcc here');
    return false;
  }
  try {
    await import('koffi');
    return true;
  } catch {
    console.log('skipped: NVML stand-in: the optional package koffi is not installed');
    return false;
  }
}

export const GIB = 1024 ** 3;
export const uuid = (index: number): string => `GPU-0000000${index}-aaaa-bbbb-cccc-dddddddddddd`;

/** A folder with `libnvidia-ml.so.1` and the file that steers it. */
export class NvmlStub {
  readonly folder = mkdtempSync(join(tmpdir(), 'llm-otel-nvml-'));
  readonly library: string;
  readonly #state = join(this.folder, 'state');

  constructor(flags: readonly string[] = []) {
    mkdirSync(join(this.folder, 'lib'));
    this.library = join(this.folder, 'lib', 'libnvidia-ml.so.1');
    const { status, stderr } = spawnSync(
      'gcc',
      ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', ...flags, '-o', this.library, source],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
    this.set();
  }

  /** What a program finds it by, as it would the real one. */
  get env(): Record<string, string> {
    return { LD_LIBRARY_PATH: join(this.folder, 'lib'), NVML_STUB_STATE: this.#state };
  }

  /** Replaces every line of the state; see nvml-stub.c. At once: no half of it is ever read. */
  set(...lines: string[]): void {
    const next = `${this.#state}.next`;
    writeFileSync(next, lines.map((line) => `${line}\n`).join(''));
    renameSync(next, this.#state);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
