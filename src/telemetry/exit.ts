import { diag } from '@opentelemetry/api';
import { installExitListeners } from './exit-listeners.ts';
import type { ExitReason } from './exit-reason.ts';

/** Work to do before the process ends. */
export interface ExitHook {
  readonly name: string;
  /** Lower runs first; hooks of one order run together. Runs end (10) before telemetry flushes (100). */
  readonly order: number;
  /** Not called on `exit`. All flushes share one deadline; what it rejects with is logged. */
  flush?(reason: ExitReason): Promise<void> | void;
  /** Last and synchronous, in `process.on('exit')`: only what can be done without waiting. */
  sync?(reason: ExitReason): void;
  /**
   * True: `flush` is also called when a signal or an uncaught error arrives and the program has a listener of its
   * own for it, so that it may well go on running. For flushes that end nothing. Default false: only when the process really ends.
   */
  readonly beside?: boolean;
  /** Is there anything that another flush could deliver? Asked when the loop drains again after one. Default: no. */
  pending?(): boolean;
}

/** Longest time that all flushes together may take, unless `setExitDeadline` says otherwise. */
export const DEFAULT_EXIT_DEADLINE_MS = 3000;
/** A group of hooks that hangs leaves this share of the remaining time to the groups after it. */
const SHARE_FOR_LATER_GROUPS = 0.4;

const hooks = new Set<ExitHook>();
let deadlineMs = DEFAULT_EXIT_DEADLINE_MS;
let running: Promise<boolean> | undefined;
let uninstall: (() => void) | undefined;

/** Sets the deadline that all flushes share, in milliseconds. */
export function setExitDeadline(milliseconds: number): void {
  deadlineMs = milliseconds;
}

/**
 * Adds work to do before the process ends. The first hook installs the process listeners, the last one removed
 * takes them away again. The process's own behaviour and exit code stay what they would be without.
 *
 * @returns the way to take the hook back.
 */
export function addExitHook(hook: ExitHook): () => void {
  hooks.add(hook);
  uninstall ??= installExitListeners({
    flush: runExitHooks,
    flushBeside: (reason) => runHooks(reason, true),
    sync: runSyncExitHooks,
    pending: anythingPending,
  });
  return () => {
    hooks.delete(hook);
    if (hooks.size === 0) {
      uninstall?.();
      uninstall = undefined;
    }
  };
}

/**
 * Runs the flushes of every hook in their order, within one deadline. A call while another is running joins it.
 * Never rejects; false when the deadline passed before everything was done.
 */
export function runExitHooks(reason: ExitReason): Promise<boolean> {
  return runHooks(reason, false);
}

/** Runs the synchronous part of every hook in order. Never throws. */
export function runSyncExitHooks(reason: ExitReason): void {
  for (const hook of inOrder()) {
    try {
      hook.sync?.(reason);
    } catch (error) {
      diag.warn(`llm-otel: ${hook.name} failed at exit: ${messageOf(error)}`);
    }
  }
}

function runHooks(reason: ExitReason, besideOnly: boolean): Promise<boolean> {
  running ??= flushAll(reason, besideOnly).finally(() => {
    running = undefined;
  });
  return running;
}

async function flushAll(reason: ExitReason, besideOnly: boolean): Promise<boolean> {
  const groups = Map.groupBy(
    inOrder().filter((hook) => hook.flush && (!besideOnly || hook.beside)),
    (hook) => hook.order,
  );
  const end = performance.now() + deadlineMs;
  let left = groups.size;
  let complete = true;
  for (const group of groups.values()) {
    left--;
    const remaining = Math.max(0, end - performance.now());
    const budget = left === 0 ? remaining : remaining * (1 - SHARE_FOR_LATER_GROUPS);
    const unfinished = new Set(group.map((hook) => hook.name));
    const work = Promise.all(
      group.map(async (hook) => {
        try {
          await hook.flush?.(reason);
        } catch (error) {
          diag.warn(`llm-otel: ${hook.name} failed at exit: ${messageOf(error)}`);
        }
        unfinished.delete(hook.name);
      }),
    );
    if (!(await within(work, budget))) {
      complete = false;
      diag.warn(
        `llm-otel: ${[...unfinished].join(', ')} not finished within ${Math.round(budget)} ms; the process ends without waiting longer (LLM_OTEL_SHUTDOWN_TIMEOUT sets the limit)`,
      );
    }
  }
  return complete;
}

/** Waits at most `milliseconds`, keeping the process alive meanwhile; false when the time ran out. */
export async function within(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([
      work.then(
        () => true,
        () => true,
      ),
      timeout,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

function anythingPending(): boolean {
  return [...hooks].some((hook) => hook.pending?.() ?? false);
}

function inOrder(): ExitHook[] {
  return [...hooks].sort((a, b) => a.order - b.order);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
