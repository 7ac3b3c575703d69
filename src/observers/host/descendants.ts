import { readdirSync, readFileSync } from 'node:fs';
import { ownHelpers } from '../own-helpers.ts';
import { pageSizeOf, parseProcessStat, type ProcessStat, residentPages } from './parse-process.ts';
import { bytesRead, ProcFile } from './proc-file.ts';
import type { ChildrenReading } from './snapshot.ts';

/** A tree that grows without end is not followed for ever. */
const MAX_PROCESSES = 2000;

interface Descendant {
  readonly stat: ProcFile;
  readonly memory: ProcFile;
  cpuUser: number;
  cpuSystem: number;
  openFiles: number;
  startedAt: number | undefined;
}

/**
 * The processes that a process has started, and those that they have started: data-loader workers, the ranks below a
 * launcher, the program below a shell. Their CPU time is summed over their ends, so that it never goes back.
 */
export class Descendants {
  readonly #proc: string;
  readonly #root: number;
  readonly #pageSize: number;
  readonly #known = new Map<number, Descendant>();
  #hasChildrenFiles: boolean | undefined;
  /** Lists of the children of the root's threads: they stay open. */
  #rootThreads: ProcFile[] | undefined;
  #cpuUser = 0;
  #cpuSystem = 0;
  #seen = false;

  constructor(options: { proc: string; pid: number }) {
    this.#proc = options.proc;
    this.#root = options.pid;
    this.#pageSize = pageSizeOf(bytes(`${options.proc}/self/auxv`));
  }

  /** Looks which processes there are. */
  refresh(): void {
    const found = new Set<number>();
    const childrenOf = this.#lookup();
    const waiting = [this.#root];
    for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
      for (const child of childrenOf(pid)) {
        if (found.has(child) || ownHelpers.has(child) || found.size >= MAX_PROCESSES) continue;
        found.add(child);
        waiting.push(child);
      }
    }
    for (const pid of this.#known.keys()) if (!found.has(pid)) this.#forget(pid);
    for (const pid of found) {
      let known = this.#known.get(pid);
      if (!known) {
        known = {
          stat: new ProcFile(`${this.#proc}/${pid}/stat`),
          memory: new ProcFile(`${this.#proc}/${pid}/statm`),
          cpuUser: 0,
          cpuSystem: 0,
          openFiles: 0,
          startedAt: undefined,
        };
        this.#known.set(pid, known);
      }
      known.openFiles = list(`${this.#proc}/${pid}/fd`).length;
    }
  }

  /** The threads of the process may be others by now: they are looked up again at the next `refresh`. */
  forgetThreads(): void {
    for (const file of this.#rootThreads ?? []) file.close();
    this.#rootThreads = undefined;
  }

  /** Undefined as long as there never was one. */
  read(): ChildrenReading | undefined {
    let pages = 0;
    let threads = 0;
    let openFiles = 0;
    for (const [pid, known] of this.#known) {
      const text = known.stat.read();
      const stat = text === undefined ? undefined : parseProcessStat(text);
      // The number may have gone to another process since.
      const isOther = stat !== undefined && stat.startedAt !== (known.startedAt ??= stat.startedAt);
      if (!stat || stat.isZombie || isOther) {
        if (stat && !isOther) this.#count(known, stat);
        this.#forget(pid);
        continue;
      }
      this.#count(known, stat);
      const memory = known.memory.readBytes();
      pages += (memory < 0 ? undefined : residentPages(bytesRead(), memory)) ?? 0;
      threads += stat.threads;
      openFiles += known.openFiles;
    }
    if (this.#known.size > 0) this.#seen = true;
    if (!this.#seen) return undefined;
    return {
      count: this.#known.size,
      cpuUser: this.#cpuUser,
      cpuSystem: this.#cpuSystem,
      residentBytes: pages * this.#pageSize,
      threads,
      openFiles,
    };
  }

  close(): void {
    for (const pid of this.#known.keys()) this.#forget(pid);
    this.forgetThreads();
  }

  #forget(pid: number): void {
    this.#known.get(pid)?.stat.close();
    this.#known.get(pid)?.memory.close();
    this.#known.delete(pid);
  }

  #count(known: Descendant, { cpuUser, cpuSystem }: ProcessStat): void {
    this.#cpuUser += Math.max(0, cpuUser - known.cpuUser);
    this.#cpuSystem += Math.max(0, cpuSystem - known.cpuSystem);
    known.cpuUser = cpuUser;
    known.cpuSystem = cpuSystem;
  }

  /** From the kernel's lists of children where it has them (CONFIG_PROC_CHILDREN), else from every process's parent. */
  #lookup(): (pid: number) => readonly number[] {
    this.#hasChildrenFiles ??= bytes(`${this.#proc}/${this.#root}/task/${this.#root}/children`) !== undefined;
    if (this.#hasChildrenFiles) {
      const listed = (text: string | undefined): number[] =>
        text ? text.split(' ').filter(Boolean).map(Number) : [];
      const threads = (pid: number): string[] =>
        list(`${this.#proc}/${pid}/task`).map((thread) => `${this.#proc}/${pid}/task/${thread}/children`);
      return (pid) => {
        if (pid !== this.#root)
          return threads(pid).flatMap((path) => listed(bytes(path)?.toString('latin1')));
        this.#rootThreads ??= threads(pid).map((path) => new ProcFile(path));
        return this.#rootThreads.flatMap((file) => listed(file.read()));
      };
    }
    const children = new Map<number, number[]>();
    for (const name of list(this.#proc)) {
      if (!/^\d+$/.test(name)) continue;
      const stat = parseProcessStat(bytes(`${this.#proc}/${name}/stat`)?.toString('latin1') ?? '');
      if (!stat) continue;
      const siblings = children.get(stat.parent);
      if (siblings) siblings.push(Number(name));
      else children.set(stat.parent, [Number(name)]);
    }
    return (pid) => children.get(pid) ?? [];
  }
}

function bytes(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
