import { parsePythonJson } from './python-json.ts';

/** A run as the stand-in keeps it. */
export interface StoredRun {
  readonly id: string;
  readonly entity: string;
  readonly project: string;
  readonly name: string;
  displayName: string | null;
  /** As sent: `{"key": {"value": ...}}`, merged by key. */
  config: Record<string, { value: unknown }>;
  group: string | null;
  jobType: string | null;
  notes: string | null;
  tags: string[];
  commit: string | null;
  repo: string | null;
  host: string | null;
  program: string | null;
  /** Lines by their number. */
  history: Record<string, unknown>[];
  events: Record<string, unknown>[];
  output: string[];
  summary: Record<string, unknown>;
  files: Map<string, Uint8Array>;
  exitCode: number | undefined;
  alerts: { title: string; text: string; severity: string; waitDuration: unknown }[];
  /** The Stop button was pressed. */
  stopRequested: boolean;
}

const MAX_LINE_BYTES = 10 * 1024 * 1024 - 100 * 1024;
const STREAM_FILES = ['wandb-history.jsonl', 'wandb-events.jsonl', 'wandb-summary.json', 'output.log'];

export function newRun(entity: string, project: string, name: string): StoredRun {
  return {
    id: Buffer.from(`Run:v1:${name}:${project}:${entity}`).toString('base64'),
    entity,
    project,
    name,
    displayName: null,
    config: {},
    group: null,
    jobType: null,
    notes: null,
    tags: [],
    commit: null,
    repo: null,
    host: null,
    program: null,
    history: [],
    events: [],
    output: [],
    summary: {},
    files: new Map(),
    exitCode: undefined,
    alerts: [],
    stopRequested: false,
  };
}

export function resumeStatus(run: StoredRun): unknown {
  const { _wandb: wandb } = run.config;
  return {
    id: run.id,
    name: run.name,
    displayName: run.displayName,
    summaryMetrics: JSON.stringify(run.summary),
    logLineCount: run.output.length,
    historyLineCount: run.history.length,
    eventsLineCount: run.events.length,
    historyTail: JSON.stringify(run.history.slice(-1).map((row) => JSON.stringify(row))),
    eventsTail: JSON.stringify(run.events.slice(-1).map((row) => JSON.stringify(row))),
    config: JSON.stringify(run.config),
    tags: run.tags,
    wandbConfig: JSON.stringify(wandb?.value ?? {}),
  };
}

export function checkedConfig(text: string): Record<string, { value: unknown }> {
  const config = parsePythonJson(text);
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new Error('config is no object');
  for (const [key, entry] of Object.entries(config as Record<string, unknown>))
    if (typeof entry !== 'object' || entry === null || !('value' in entry))
      throw new Error(`config.${key} has no "value"`);
  return config as Record<string, { value: unknown }>;
}

interface StreamPost {
  files?: Record<string, { offset?: unknown; content?: unknown }>;
  uploaded?: unknown;
  preempting?: unknown;
  complete?: unknown;
  exitcode?: unknown;
}

/** Takes a post whole or not at all; gives the complaint. */
export function takeStream(run: StoredRun, body: string): string | undefined {
  const post = JSON.parse(body) as StreamPost;
  for (const key of Object.keys(post))
    if (!['files', 'uploaded', 'preempting', 'complete', 'exitcode', 'dropped'].includes(key))
      return `unknown field ${key}`;
  if ((post.complete === true) !== (typeof post.exitcode === 'number'))
    return 'complete and exitcode must come together';
  const lines: { file: string; offset: number; content: string[] }[] = [];
  for (const [file, { offset, content }] of Object.entries(post.files ?? {})) {
    if (!STREAM_FILES.includes(file)) return `unknown file ${file}`;
    if (typeof offset !== 'number' || !Number.isInteger(offset) || offset < 0)
      return `${file}: offset ${String(offset)}`;
    if (!Array.isArray(content) || !content.every((line) => typeof line === 'string'))
      return `${file}: no lines`;
    const long = content.find((line: string) => Buffer.byteLength(line) > MAX_LINE_BYTES);
    if (long !== undefined) return `${file}: line of ${long.length} characters`;
    lines.push({ file, offset, content });
  }
  for (const { file, offset, content } of lines) {
    const complaint = takeLines(run, file, offset, content);
    if (complaint !== undefined) return complaint;
  }
  if (post.complete === true) run.exitCode = post.exitcode as number;
  return undefined;
}

function takeLines(run: StoredRun, file: string, offset: number, content: string[]): string | undefined {
  if (file === 'wandb-summary.json') {
    run.summary = parsePythonJson(content.at(-1) ?? '{}') as Record<string, unknown>;
    return undefined;
  }
  if (file === 'output.log') {
    if (offset > run.output.length) return `output.log: gap from ${run.output.length} to ${offset}`;
    for (const [index, line] of content.entries()) run.output[offset + index] = line;
    return undefined;
  }
  const rows = file === 'wandb-history.jsonl' ? run.history : run.events;
  if (offset > rows.length) return `${file}: gap from ${rows.length} to ${offset}`;
  for (const [index, line] of content.entries()) {
    const row = parsePythonJson(line) as Record<string, unknown>;
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return `${file}: a line is no object`;
    const complaint =
      rows === run.history ? historyComplaint(rows[offset + index - 1], row) : eventComplaint(row);
    if (complaint !== undefined) return `${file} line ${offset + index}: ${complaint}`;
    rows[offset + index] = row;
  }
  return undefined;
}

function historyComplaint(
  before: Record<string, unknown> | undefined,
  row: Record<string, unknown>,
): string | undefined {
  const step = row['_step'];
  if (typeof step !== 'number' || !Number.isInteger(step)) return `_step ${String(step)}`;
  if (before && step <= (before['_step'] as number)) return `_step ${step} after ${String(before['_step'])}`;
  for (const key of ['_timestamp', '_runtime'])
    if (typeof row[key] !== 'number' || !Number.isFinite(row[key])) return `${key} ${String(row[key])}`;
  return undefined;
}

function eventComplaint(row: Record<string, unknown>): string | undefined {
  if (row['_wandb'] !== true) return 'no _wandb';
  for (const key of Object.keys(row))
    if (!['_wandb', '_timestamp', '_runtime'].includes(key) && !key.startsWith('system.'))
      return `key ${key}`;
  for (const key of ['_timestamp', '_runtime'])
    if (typeof row[key] !== 'number' || !Number.isFinite(row[key])) return `${key} ${String(row[key])}`;
  return undefined;
}
