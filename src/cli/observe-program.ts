import { basename, extname } from 'node:path';
import { ATTR } from '../conventions/index.ts';
import { observe, type ObserverSelection, startGpuObserver, startHostObserver } from '../observers/index.ts';
import { hostAttributes, startTelemetry } from '../telemetry/index.ts';

export interface ObservedProgram {
  /** Sends the last sample and ends. */
  stop(): Promise<void>;
}

/**
 * Observes a program that was started here: its processes, the machine, the GPUs. What is sent carries the program's
 * resource, not that of this command.
 */
export function observeProgram(options: {
  pid: number;
  command: readonly string[];
  selection: ObserverSelection;
  env: Readonly<NodeJS.ProcessEnv>;
}): ObservedProgram {
  const { pid, command, selection, env } = options;
  const { [ATTR.runtimeName]: _name, [ATTR.runtimeVersion]: _version, ...machine } = hostAttributes();
  const [program = ''] = command;
  const telemetry = startTelemetry({
    serviceName: programName(command),
    resourceAttributes: {
      ...machine,
      [ATTR.processPid]: pid,
      [ATTR.processExecutableName]: basename(program),
    },
    signals: { traces: false, logs: false },
    handleExit: false,
    // The output is the program's: nothing is printed to it.
    env: { ...env, OTEL_METRICS_EXPORTER: 'otlp' },
  });
  const observers: { stop(): void }[] = [];
  if (selection.gpu) observers.push(startGpuObserver(selection.gpu));
  let processes: ReturnType<typeof observe> | undefined;
  if (selection.host) {
    observers.push(startHostObserver({ ...selection.host, ownProcess: false }));
    processes = observe({ pid, ...selection.host });
  }
  return {
    async stop() {
      processes?.stop({ keep: true });
      await telemetry.shutdown();
      for (const observer of observers) observer.stop();
    },
  };
}

/** `train` for `python3 -u train.py`, `pkg.train` for `python -m pkg.train`; without a script the program itself. */
export function programName(command: readonly string[]): string {
  const [program = '', ...args] = command;
  const module = args[args.indexOf('-m') + 1];
  if (args.includes('-m') && module) return module;
  const script = args.find((argument) => !argument.startsWith('-') && /\.\w{1,4}$/.test(argument));
  return script === undefined ? basename(program) : basename(script, extname(script));
}
