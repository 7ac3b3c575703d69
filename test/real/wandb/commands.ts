import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WandbStandIn } from '../../trackers/wandb/stand-in.ts';

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Environment of W&B's client: the stand-in, and nothing of this machine's settings. */
function environment(wandb: WandbStandIn, home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: home,
    WANDB_BASE_URL: wandb.url,
    WANDB_API_KEY: wandb.key,
    WANDB_DIR: home,
    WANDB_ERROR_REPORTING: 'false',
    WANDB_SILENT: 'false',
    PYTHONDONTWRITEBYTECODE: '1',
    NO_PROXY: '127.0.0.1',
  };
}

function run(file: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd, env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr });
    });
  });
}

/** `calls.py` through W&B's client. */
export function pythonCalls(
  python: string,
  wandb: WandbStandIn,
  home: string,
  ...args: string[]
): Promise<Ran> {
  const script = fileURLToPath(new URL('calls.py', import.meta.url));
  return run(python, [script, ...args], home, environment(wandb, home));
}

/** `printing.ts`: a process that prints, with our sink. */
export function ourPrinting(wandb: WandbStandIn, home: string, mode: 'online' | 'offline'): Promise<Ran> {
  const script = fileURLToPath(new URL('printing.ts', import.meta.url));
  return run(process.execPath, [script, mode, join(home, `journal-${mode}`)], home, {
    ...environment(wandb, home),
    OTEL_SDK_DISABLED: 'true',
  });
}

/** `wandb sync`. Its exit code is 0 whatever happened. */
export function wandbSync(
  python: string,
  wandb: WandbStandIn,
  home: string,
  ...args: string[]
): Promise<Ran> {
  return run(join(dirname(python), 'wandb'), ['sync', ...args], home, environment(wandb, home));
}
