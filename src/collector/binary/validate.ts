import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ConfigFinding } from '../check/finding.ts';
import { type Located, readLocated } from '../check/located.ts';
import type { ConfigSource } from '../compose/source.ts';

const run = promisify(execFile);

/**
 * Asks a real Collector whether it would start with these files. Its messages name a path (`exporters::otlp_http/x`):
 * the line of that path is looked up in the file that wrote it last.
 * @param options.env the whole environment of the Collector
 * @returns nothing when it would
 */
export async function validateByCollector(
  path: string,
  sources: readonly ConfigSource[],
  options: { env: NodeJS.ProcessEnv },
): Promise<ConfigFinding[]> {
  // As text: nothing is written to a disk, and what is checked is what was composed.
  const args = sources.flatMap(({ text }) => ['--config', `yaml:${text}`]);
  try {
    await run(path, ['validate', ...args], { env: options.env, timeout: 60_000, maxBuffer: 8 << 20 });
    return [];
  } catch (error) {
    const { stderr, killed } = error as { stderr?: string; killed?: boolean };
    if (killed) throw new Error(`"${path} validate" did not end within 60 s`, { cause: error });
    if (!stderr)
      throw new Error(`"${path} validate" could not be run: ${(error as Error).message}`, { cause: error });
    return problemsOf(stderr).map((problem) => ({
      ...placeOf(problem, sources),
      severity: 'error',
      message: problem.message,
    }));
  }
}

interface Problem {
  /** Keys that lead to it, as far as the message names them. */
  path: string[];
  message: string;
}

const LOG_LINE = /^\d{4}[-/]\d\d[-/]\d\d/;
const HEADING = /decoding failed due to the following error\(s\):$/;

/**
 * The problems in what `validate` prints. Two forms are in use at 0.155: one line with a path
 * (`exporters::otlp_http/x: at least one endpoint must be specified`), and headings that lead to a field line by line
 * (`'exporters' error reading configuration for "otlp_http/x": decoding failed …`, then `'timeout' time: unknown unit`).
 */
export function problemsOf(stderr: string): Problem[] {
  const problems: Problem[] = [];
  let path: string[] = [];
  for (const raw of stderr.split('\n')) {
    const line = raw
      .trim()
      .replace(/^Error: /, '')
      .replace(/^failed to get config: /, '');
    if (line === '' || LOG_LINE.test(line)) continue;
    const component = /^'([a-z]+)' error reading configuration for "([^"]+)"/.exec(line);
    const unknown = /^'([a-z]+)' (unknown type: "[^"]+" for id: "([^"]+)")/.exec(line);
    const field = /^'([^']+)' (.*)$/.exec(line);
    if (component) path = [component[1] as string, component[2] as string];
    else if (unknown)
      problems.push({ path: [unknown[1] as string, unknown[3] as string], message: unknown[2] as string });
    else if (HEADING.test(line)) path = [...path, ...(field ? (field[1] as string).split('.') : [])];
    else if (field) problems.push(fieldProblem(path, field[1] as string, field[2] as string));
    else {
      const at = pathIn(line);
      problems.push({
        path: at,
        message: at.length > 0 ? line.slice(at.join('::').length).replace(/^:\s*/, '') : line,
      });
    }
  }
  return problems.length > 0 ? problems : [{ path: [], message: stderr.trim() }];
}

function fieldProblem(path: readonly string[], field: string, message: string): Problem {
  const keys = /^has invalid keys: ([^,]+)/.exec(message);
  // Then the quoted word is the name of a Go type.
  return keys
    ? { path: [...path, keys[1] as string], message }
    : { path: [...path, ...field.split('.')], message };
}

/** `service::pipelines::traces/x: references receiver "a" …` */
function pathIn(line: string): string[] {
  const found = /^([a-z_]+(?:::[^\s:]+)+)/.exec(line);
  return found ? (found[1] as string).split('::') : [];
}

function placeOf(
  { path }: Problem,
  sources: readonly ConfigSource[],
): Omit<ConfigFinding, 'severity' | 'message'> {
  const last = sources.at(-1) ?? { name: 'configuration', text: '' };
  let best: Found | undefined;
  for (const source of sources) {
    const { value } = readLocated(source);
    const found = value && deepest(value, path);
    if (found && found.depth >= (best?.depth ?? 1)) best = found;
  }
  return { ...(best?.place ?? { file: last.name, line: 1, column: 1 }), path: path.join('.') };
}

interface Found {
  depth: number;
  place: { file: string; line: number; column: number };
}

function deepest(value: Located, path: readonly string[]): Found | undefined {
  let found: Found | undefined;
  let here: Located | undefined = value;
  for (const [i, key] of path.entries()) {
    const entry: { key: Found['place']; value: Located } | undefined =
      here?.kind === 'map' ? here.entries.get(key) : undefined;
    if (!entry) break;
    found = { depth: i + 1, place: entry.key };
    here = entry.value;
  }
  return found;
}
