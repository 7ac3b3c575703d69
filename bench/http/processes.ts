import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A program of the benchmark, under way. */
export interface Program {
  /** What it said when it was ready. */
  readonly ready: { port: number; startMs: number; rssMb: number };
  stop(): Promise<void>;
}

const taskset = process.platform === 'linux' && cpus().length > 1 && onPath('taskset');

/** The command, held to one processor where that can be done: server and load must not take turns on one. */
function pinned(cpu: number, command: string, args: readonly string[]): [string, string[]] {
  return taskset ? ['taskset', ['-c', String(cpu), command, ...args]] : [command, [...args]];
}

/** Starts a program of this folder and waits for the line of JSON that it prints when it is ready. */
export async function startProgram(
  name: string,
  options: { cpu?: number; node?: readonly string[]; env?: Record<string, string> },
): Promise<Program> {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const args = [...(options.node ?? []), file];
  const [command, rest] =
    options.cpu === undefined ? [process.execPath, args] : pinned(options.cpu, process.execPath, args);
  const child = spawn(command, rest, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await firstLine(child);
  return {
    ready: JSON.parse(line) as Program['ready'],
    async stop() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the program has no output');
  const lines = createInterface(child.stdout);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the program of the benchmark ended with ${String(code)} before it was ready`);
  });
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  ended.catch(() => undefined);
  return line;
}

const CONNECTIONS = 20;

/** Requests per second that a server answers under load for `seconds`, by wrk when it is there, else autocannon. */
export async function load(url: string, seconds: number, cpu: number): Promise<number> {
  if (onPath('wrk')) {
    const text = await output(pinned(cpu, 'wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, url]));
    const match = /Requests\/sec:\s+([\d.]+)/.exec(text);
    if (!match) throw new Error(`wrk gave no figure:\n${text}`);
    return Number(match[1]);
  }
  const script = fileURLToPath(import.meta.resolve('autocannon'));
  const args = [script, '-j', '-n', '-c', String(CONNECTIONS), '-d', String(seconds), url];
  const text = await output(pinned(cpu, process.execPath, args));
  return (JSON.parse(text) as { requests: { average: number } }).requests.average;
}

async function output([command, args]: [string, string[]]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  await once(child, 'close');
  return text;
}

function onPath(command: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/${command}`));
}
