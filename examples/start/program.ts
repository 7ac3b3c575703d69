import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A child program whose lines are shown and can be waited for. */
export interface Program {
  /** The first line, past or to come, that matches. Rejects when the program ends without it. */
  line(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Exit code; 128 and more for a signal. */
  ended: Promise<number>;
  terminate(): void;
}

/** Starts Node with these arguments; it is ended with SIGTERM when `signal` aborts. */
export function startProgram(
  name: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Program {
  const child = spawn(process.execPath, args, { env: options.env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const waiting = new Set<(line: string) => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(`[${name}] ${line}`);
    lines.push(line);
    for (const look of waiting) look(line);
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)));
  });
  const terminate = () => void child.kill('SIGTERM');
  options.signal.addEventListener('abort', terminate, { once: true });
  // However this process ends, it leaves no child behind.
  process.once('exit', terminate);
  const forget = () => {
    options.signal.removeEventListener('abort', terminate);
    process.off('exit', terminate);
  };
  void ended.then(forget, forget);

  const line = (pattern: RegExp) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = (text: string) => {
        const match = text.match(pattern);
        if (!match) return false;
        waiting.delete(look);
        resolve(match);
        return true;
      };
      if (lines.some(look)) return;
      waiting.add(look);
      void ended.then(
        (code) => reject(new Error(`${name} ended with exit code ${code} before it printed ${pattern}`)),
        reject,
      );
    });
  return { line, ended, terminate };
}
