import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Descendants } from './descendants.ts';
import { parseUptime } from './parse-cpu.ts';
import { parseProcessIo, parseProcessStatus } from './parse-memory.ts';
import { parseProcessStat, parseSwitches } from './parse-process.ts';
import { ProcFile } from './proc-file.ts';
import type { ProcessSnapshot } from './snapshot.ts';

/** Children are looked for at the first samples (a launcher starts them then) and at every fifth. */
const FIRST = 5;
const EVERY = 5;

/** Reads another process and those that it has started, from /proc, synchronously. */
export class ForeignProcessReader {
  readonly #proc: string;
  readonly #pid: number;
  readonly #now: () => number;
  readonly #stat: ProcFile;
  readonly #status: ProcFile;
  readonly #io: ProcFile;
  readonly #descendants: Descendants;
  #samples = 0;
  #openFiles: number | undefined;
  #startedAt: number | undefined;

  constructor(options: { pid: number; proc?: string; now?: () => number }) {
    const { pid, proc = '/proc', now = () => performance.now() } = options;
    this.#pid = pid;
    this.#proc = proc;
    this.#now = now;
    this.#stat = new ProcFile(`${proc}/${pid}/stat`);
    this.#status = new ProcFile(`${proc}/${pid}/status`);
    this.#io = new ProcFile(`${proc}/${pid}/io`);
    this.#descendants = new Descendants({ proc, pid });
  }

  /** Undefined when the process has ended. */
  read(): ProcessSnapshot | undefined {
    const text = this.#stat.read();
    const stat = text === undefined ? undefined : parseProcessStat(text);
    if (!stat || stat.isZombie) return undefined;
    // The number may have gone to another process since.
    if (stat.startedAt !== (this.#startedAt ??= stat.startedAt)) return undefined;
    const sample = this.#samples++;
    if (sample < FIRST || sample % EVERY === 0) {
      this.#descendants.refresh();
      this.#openFiles = count(`${this.#proc}/${this.#pid}/fd`);
    }
    const status = this.#status.read() ?? '';
    const switches = parseSwitches(status);
    const { residentBytes, virtualBytes, threads } = parseProcessStatus(status);
    return {
      time: this.#now(),
      cpuCount: availableParallelism(),
      process: {
        cpuUser: stat.cpuUser,
        cpuSystem: stat.cpuSystem,
        residentBytes,
        virtualBytes: virtualBytes ?? stat.virtualBytes,
        threads: threads ?? stat.threads,
        openFiles: this.#openFiles,
        voluntarySwitches: switches.voluntary,
        involuntarySwitches: switches.involuntary,
        minorFaults: stat.minorFaults,
        majorFaults: stat.majorFaults,
        ...parseProcessIo(this.#io.read() ?? ''),
        uptime: Math.max(0, this.#machineUptime() - stat.startedAt),
        children: this.#descendants.read(),
      },
    };
  }

  close(): void {
    this.#stat.close();
    this.#status.close();
    this.#io.close();
    this.#descendants.close();
  }

  #machineUptime(): number {
    try {
      return parseUptime(readFileSync(`${this.#proc}/uptime`, 'latin1')) ?? 0;
    } catch {
      return 0;
    }
  }
}

function count(directory: string): number | undefined {
  try {
    return readdirSync(directory).length;
  } catch {
    return undefined; // another user's
  }
}
