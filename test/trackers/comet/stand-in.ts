import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, inflateSync } from 'node:zlib';
import { parsePythonJson } from '../wandb/python-json.ts';
import { type FormPart, readForm } from './multipart.ts';

export interface StoredMetric {
  name: string;
  /** As it was sent: a number, or "NaN", "Infinity", "-Infinity". */
  value: number | string;
  step: number | null;
  epoch: number | null;
  context: string | null;
  timestamp: number;
}

/** An experiment as the stand-in keeps it. */
export interface StoredExperiment {
  readonly key: string;
  workspace: string | null;
  project: string;
  metrics: StoredMetric[];
  parameters: Map<string, string>;
  others: Map<string, unknown>;
  tags: Set<string>;
  output: { text: string; stderr: boolean }[];
  assets: {
    name: string;
    type: string;
    step: string | null;
    size: number;
    metadata: string | null;
    content: Buffer;
  }[];
  graph: string | null;
  html: string | null;
  fileName: string | null;
  systemDetails: Record<string, unknown> | null;
  git: Record<string, unknown> | null;
  startTime: number | null;
  endTime: number | null;
  /** From heartbeats: the last said that it is alive. */
  alive: boolean | undefined;
  status: string | null;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: string;
  readonly status: number;
}

export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The request is taken, and only the answer is lost. */
  readonly afterTaking?: boolean;
}

type Body = Record<string, unknown>;
type Answer = { status: number; body: unknown };
const NON_FINITE = ['NaN', 'Infinity', '-Infinity'];

/**
 * A stand-in for Comet's API that takes no more than the real one is known to: a key, experiments that exist, metrics
 * with a finite number or one of three words, names and values within Comet's limits, at most `perMinute` values. What
 * it refuses is kept in `violations`.
 */
export class CometStandIn {
  readonly key = 'comet-key-0123456789';
  readonly experiments = new Map<string, StoredExperiment>();
  readonly requests: SeenRequest[] = [];
  readonly violations: string[] = [];
  script: (request: { path: string; body: string }) => ScriptedAnswer | undefined = () => undefined;
  url = '';
  #server: Server | undefined;

  async listen(): Promise<this> {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        this.violations.push(String(error));
        if (!response.headersSent) response.writeHead(500).end(String(error));
      });
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  /** The only experiment. */
  experiment(): StoredExperiment {
    const [experiment, more] = this.experiments.values();
    if (!experiment || more) throw new Error(`expected one experiment, there are ${this.experiments.size}`);
    return experiment;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    let bytes: Buffer = Buffer.concat(chunks);
    const encoding = request.headers['content-encoding'];
    if (encoding === 'gzip') bytes = gunzipSync(bytes);
    else if (encoding === 'deflate') bytes = inflateSync(bytes);
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const type = request.headers['content-type'] ?? '';
    const form = type.startsWith('multipart/form-data') ? readForm(bytes, type) : undefined;
    const body = form ? '' : bytes.toString('utf8');
    const scripted = this.script({ path: url.pathname, body });
    const answer = scripted && !scripted.afterTaking ? undefined : this.#answer(request, url, body, form);
    const status = scripted?.status ?? answer?.status ?? 500;
    this.requests.push({ method: request.method ?? '', path: url.pathname, query: url.search, body, status });
    if (status === 0) {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json', ...scripted?.headers });
    response.end(scripted ? (scripted.body ?? '{}') : JSON.stringify(answer?.body));
  }

  #answer(request: IncomingMessage, url: URL, body: string, form: FormPart[] | undefined): Answer {
    const path = url.pathname;
    if (path.endsWith('/isAlive/ver')) return { status: 200, body: { version: '3.60.0' } };
    let parsed: Body = {};
    if (!form && body !== '')
      try {
        // bare NaN, as Python's JSON has it, is taken in notifications
        parsed = (
          path.endsWith('/notification/experiment') ? parsePythonJson(body) : JSON.parse(body)
        ) as Body;
      } catch {
        return this.#refuse(400, `${path}: no JSON`);
      }
    const given = request.headers.authorization ?? request.headers['comet-sdk-api'] ?? parsed['apiKey'];
    if (given !== this.key && !path.endsWith('health/ping'))
      return { status: 401, body: { code: 401, msg: 'invalid api key', sdk_error_code: 0 } };
    const route = ROUTES.find(({ pattern }) => pattern.test(path));
    if (!route) return { status: 200, body: {} };
    const key = (parsed['experimentKey'] ??
      url.searchParams.get('experimentKey') ??
      url.searchParams.get('experimentId')) as string | null;
    let experiment = this.experiments.get(key ?? '');
    if (route.creates) {
      const named = (parsed['previousExperiment'] ?? key) as string | null;
      if (typeof named !== 'string' || !/^[a-z0-9]{32,50}$/i.test(named))
        return this.#refuse(400, `experiment key ${String(named)}`);
      const project = (parsed['projectName'] ?? 'general') as string;
      if (project.length > 100) return this.#refuse(400, `project name of ${project.length} characters`);
      experiment =
        this.experiments.get(named) ??
        newExperiment(named, (parsed['teamName'] ?? null) as string | null, project);
      if (route.mustExist && !this.experiments.has(named))
        return this.#refuse(400, `experiment ${named} is not there`);
      this.experiments.set(named, experiment);
      return {
        status: 200,
        body: {
          runId: 'r1',
          project_id: 'p1',
          workspaceName: experiment.workspace ?? 'tester',
          focusUrl: `${this.url}/tester/${experiment.project}/`,
          projectName: experiment.project,
        },
      };
    }
    if (!experiment) return this.#refuse(400, `${path}: no experiment ${String(key)}`);
    const complaint = route.take?.(experiment, parsed, url.searchParams, form);
    if (complaint !== undefined) return this.#refuse(400, `${path}: ${complaint}`);
    return { status: 200, body: route.read?.(experiment, url.searchParams) ?? route.reply ?? {} };
  }

  #refuse(status: number, complaint: string): Answer {
    this.violations.push(complaint);
    return { status, body: { code: status, msg: complaint, sdk_error_code: status } };
  }
}

function newExperiment(key: string, workspace: string | null, project: string): StoredExperiment {
  return {
    key,
    workspace,
    project,
    metrics: [],
    parameters: new Map(),
    others: new Map(),
    tags: new Set(),
    output: [],
    assets: [],
    graph: null,
    html: null,
    fileName: null,
    systemDetails: null,
    git: null,
    startTime: null,
    endTime: null,
    alive: undefined,
    status: null,
  };
}

interface Route {
  readonly pattern: RegExp;
  readonly creates?: boolean;
  readonly mustExist?: boolean;
  readonly reply?: unknown;
  readonly read?: (experiment: StoredExperiment, query: URLSearchParams) => unknown;
  /** The complaint, when there is one. */
  readonly take?: (
    experiment: StoredExperiment,
    body: Body,
    query: URLSearchParams,
    form: FormPart[] | undefined,
  ) => string | undefined;
}

const ROUTES: readonly Route[] = [
  { pattern: /^\/clientlib\/logger\/add\/run$/, creates: true },
  { pattern: /^\/clientlib\/logger\/get\/run$/, creates: true, mustExist: true },
  { pattern: /\/batch\/logger\/experiment\/metric$/, take: takeMetrics },
  { pattern: /\/batch\/logger\/experiment\/parameter$/, take: takeParameters },
  {
    pattern: /\/status-report\/update$/,
    reply: {
      is_alive_beat_duration_millis: 10_000,
      gpu_monitor_interval_millis: 60_000,
      cpu_monitor_interval_millis: 60_000,
      pending_rpcs: false,
    },
    take: (experiment, { is_alive: alive }) => {
      if (typeof alive !== 'boolean') return `is_alive ${String(alive)}`;
      experiment.alive = alive;
      return undefined;
    },
  },
  { pattern: /\/status-report\/offline-metadata$/ },
  {
    pattern: /\/write\/experiment\/update-status$/,
    take: (experiment, body) => {
      experiment.status = JSON.stringify(body);
      return undefined;
    },
  },
  {
    pattern: /\/write\/experiment\/log-other$/,
    take: (experiment, { key, value }) => {
      if (typeof key !== 'string' || key.length > 100) return `key ${String(key)}`;
      if (!isValue(value)) return `value of ${key}`;
      experiment.others.set(key, value);
      return undefined;
    },
  },
  {
    pattern: /\/(write\/experiment\/tags|tags\/add-tags-to-experiment)$/,
    take: (experiment, { addedTags }) => {
      if (!Array.isArray(addedTags)) return 'addedTags is no list';
      for (const tag of addedTags as string[]) experiment.tags.add(tag);
      return undefined;
    },
  },
  {
    pattern: /\/write\/experiment\/output$|\/clientlib\/rest\/v2\/write\/experiment\/output$/,
    take: takeOutput,
  },
  {
    pattern: /\/write\/experiment\/graph$/,
    take: (experiment, { graph }) => {
      if (typeof graph !== 'string') return 'graph is no text';
      experiment.graph = graph;
      return undefined;
    },
  },
  {
    pattern: /\/write\/experiment\/html$/,
    take: (experiment, { html }) => {
      experiment.html = String(html);
      return undefined;
    },
  },
  {
    pattern: /\/write\/experiment\/file-path$/,
    take: (experiment, { filePath }) => {
      experiment.fileName = String(filePath);
      return undefined;
    },
  },
  {
    pattern: /\/write\/experiment\/system-details$/,
    take: (experiment, body) => {
      experiment.systemDetails = { ...experiment.systemDetails, ...body };
      return undefined;
    },
  },
  {
    pattern: /\/write\/experiment\/git\/metadata$/,
    take: (experiment, body) => {
      experiment.git = body;
      return undefined;
    },
  },
  {
    pattern: /\/write\/experiment\/set-start-end-time$/,
    take: (experiment, { startTimeMillis, endTimeMillis }) => {
      if (typeof startTimeMillis === 'number') experiment.startTime = startTimeMillis;
      if (typeof endTimeMillis === 'number') experiment.endTime = endTimeMillis;
      return undefined;
    },
  },
  {
    pattern: /^\/api\/rest\/v2\/experiment\/metrics\/summary$/,
    read: ({ metrics }) => ({
      values: [...new Set(metrics.map(({ name }) => name))].map((name) => ({ name, editable: false })),
    }),
  },
  {
    pattern: /^\/api\/rest\/v2\/experiment\/metrics\/get-metric$/,
    read: ({ metrics }, query) => ({
      metrics: metrics
        .filter(({ name }) => name === query.get('metricName'))
        .map(({ name, value, step, epoch, timestamp }) => ({
          metricName: name,
          metricValue: String(value),
          timestamp,
          step,
          epoch,
          runContext: null,
        })),
    }),
  },
  {
    pattern: /^\/api\/rest\/v2\/experiment\/asset\/list$/,
    read: ({ assets }, query) => ({
      assets: assets
        .filter(({ type }) => type === query.get('type'))
        .map(({ name, type, step }) => ({ fileName: name, type, step: step === null ? null : Number(step) })),
    }),
  },
  { pattern: /\/asset\/upload$|\/write\/experiment\/upload-asset$/, take: takeAsset },
];

function takeMetrics(experiment: StoredExperiment, body: Body): string | undefined {
  const { values } = body;
  if (!Array.isArray(values)) return 'values is no list';
  if (values.length > 1000) return `${values.length} values at once`;
  const taken: StoredMetric[] = [];
  for (const item of values as Body[]) {
    const { metricName: name, metricValue: value, step, epoch, context, timestamp } = item;
    if (typeof name !== 'string' || name === '' || name.length > 100) return `metric name ${String(name)}`;
    if (typeof value === 'string' ? !NON_FINITE.includes(value) : typeof value !== 'number')
      return `value ${JSON.stringify(value)} of ${name}`;
    if (step !== null && step !== undefined && !Number.isInteger(step))
      return `step ${JSON.stringify(step)} of ${name}`;
    if (!Number.isInteger(timestamp)) return `timestamp ${JSON.stringify(timestamp)} of ${name}`;
    taken.push({
      name,
      value: value as number | string,
      step: (step ?? null) as number | null,
      epoch: (epoch ?? null) as number | null,
      context: (context ?? null) as string | null,
      timestamp: timestamp as number,
    });
  }
  experiment.metrics.push(...taken);
  return undefined;
}

function isValue(value: unknown): value is string | number | boolean {
  if (typeof value === 'string') return value.length <= 1000;
  return typeof value === 'number' || typeof value === 'boolean';
}

function takeParameters(experiment: StoredExperiment, body: Body): string | undefined {
  const { values } = body;
  if (!Array.isArray(values)) return 'values is no list';
  for (const { parameterName: name, parameterValue: value, timestamp } of values as Body[]) {
    if (typeof name !== 'string' || name === '' || name.length > 100) return `parameter name ${String(name)}`;
    if (!isValue(value)) return `value of ${name}`;
    if (!Number.isInteger(timestamp)) return `timestamp of ${name}`;
    experiment.parameters.set(name, String(value));
  }
  return undefined;
}

function takeOutput(experiment: StoredExperiment, body: Body): string | undefined {
  const { outputLines } = body;
  if (!Array.isArray(outputLines)) return 'outputLines is no list';
  for (const { output, stderr, localTimestamp } of outputLines as Body[]) {
    if (typeof output !== 'string' || typeof stderr !== 'boolean') return 'a line is no text';
    if (typeof localTimestamp !== 'number') return 'a line has no time';
    experiment.output.push({ text: output, stderr });
  }
  return undefined;
}

function takeAsset(
  experiment: StoredExperiment,
  _body: Body,
  query: URLSearchParams,
  form: FormPart[] | undefined,
): string | undefined {
  const file = form?.find(({ name }) => name === 'file');
  if (!file) return 'no part `file`';
  const name = query.get('fileName') ?? file.fileName;
  if (!name) return 'no fileName';
  const old =
    query.get('overwrite') === 'true' ? experiment.assets.findIndex((asset) => asset.name === name) : -1;
  if (old >= 0) experiment.assets.splice(old, 1);
  experiment.assets.push({
    name,
    type: query.get('type') ?? 'asset',
    step: query.get('step'),
    size: file.content.length,
    content: file.content,
    metadata:
      query.get('metadata') ?? form?.find((part) => part.name === 'metadata')?.content.toString() ?? null,
  });
  return undefined;
}
