import { machineOf } from '../machine.ts';
import type { SinkRun } from '../sink.ts';

/** What Comet shows of where a run comes from. */
export interface RunDetails {
  readonly command: readonly string[];
  readonly program: string | undefined;
  readonly executable: string | undefined;
  readonly git:
    | { readonly root?: string; readonly branch?: string; readonly parent?: string; readonly origin?: string }
    | undefined;
}

export function detailsOf({ source }: SinkRun): RunDetails {
  const text = (key: string): string | undefined =>
    typeof source[key] === 'string' ? source[key] : undefined;
  const parts = (text('command') ?? '').split(' ').filter((part) => part !== '');
  const command = parts[0] !== undefined && /^node(\.exe)?$/.test(parts[0]) ? parts.slice(1) : parts;
  const git = {
    ...(text('git.branch') === undefined ? {} : { branch: text('git.branch') as string }),
    ...(text('git.commit') === undefined ? {} : { parent: text('git.commit') as string }),
    ...(text('git.remote') === undefined ? {} : { origin: text('git.remote') as string }),
  };
  return {
    command,
    program: command[0],
    executable: text('node') === undefined ? undefined : `node ${text('node')}`,
    git: Object.keys(git).length > 0 ? git : undefined,
  };
}

/** What it runs on, by the names of Comet's system details; of GPUs Comet wants more than is known. */
export function machineDetails(run: SinkRun): Record<string, string> {
  const { osType, system, kernel, architecture, cpuModel } = machineOf(run);
  return {
    ...(osType !== undefined && { osType }),
    ...(system !== undefined && { os: system }),
    ...(kernel !== undefined && { osRelease: kernel }),
    ...(architecture !== undefined && { machine: architecture }),
    ...(cpuModel !== undefined && { processor: cpuModel }),
  };
}
