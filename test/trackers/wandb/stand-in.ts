import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ArtifactStore } from './artifact-store.ts';
import { type GraphqlRequest, readGraphql } from './graphql-request.ts';
import { parsePythonJson } from './python-json.ts';
import { checkedConfig, newRun, resumeStatus, type StoredRun, takeStream } from './stored-run.ts';

export type { StoredRun };

export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The request is taken, and only the answer is lost. */
  readonly afterTaking?: boolean;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly operation: string | undefined;
  readonly body: string;
  readonly status: number;
}

const MAX_POST_BYTES = 10 * 1024 * 1024;
const BAD_NAME = /[/\\#?%:]/;

/**
 * A stand-in for the W&B API that takes no more than the real one is known to: one key, GraphQL with declared types,
 * file streams only of runs that exist, lines without gaps, rows with a rising whole `_step`, names and tags within
 * W&B's limits, nothing after `complete` until the run was opened again. What it refuses is kept in `violations`.
 */
export class WandbStandIn {
  readonly key = '0123456789abcdef0123456789abcdef01234567';
  readonly entity = 'tester';
  readonly runs = new Map<string, StoredRun>();
  readonly requests: SeenRequest[] = [];
  readonly violations: string[] = [];
  readonly artifactStore = new ArtifactStore(this.entity, () => this.url);
  /** Asked before each request; an answer is given instead of ours. */
  script: (request: {
    path: string;
    operation: string | undefined;
    body: string;
  }) => ScriptedAnswer | undefined = () => undefined;
  #server: Server | undefined;
  #hanging: Promise<void> | undefined;
  url = '';

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

  /** Requests are heard and not answered, until the function that this gives is called. */
  hang(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hanging = promise;
    return resolve;
  }

  /** The only run. */
  run(): StoredRun {
    const [run, more] = this.runs.values();
    if (!run || more) throw new Error(`expected one run, there are ${this.runs.size}`);
    return run;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    await this.#hanging;
    const path = new URL(request.url ?? '/', 'http://stand-in').pathname;
    const isUpload = /^\/(upload|artifacts)\//.test(path);
    const body = isUpload ? '' : bytes.toString('utf8');
    const operation =
      /"operationName":\s*"(\w+)"/.exec(body)?.[1] ?? /(?:query|mutation)\s+(\w+)/.exec(body)?.[1];
    const seen = (status: number): void => {
      this.requests.push({ method: request.method ?? '', path, operation, body, status });
    };
    const scripted = this.script({ path, operation, body });
    const answer =
      scripted && !scripted.afterTaking ? undefined : this.#answer(request, path, body, bytes, operation);
    const status = scripted?.status ?? answer?.status ?? 500;
    seen(status);
    if (status === 0) {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json', ...scripted?.headers });
    response.end(scripted ? (scripted.body ?? '{}') : answer?.body);
  }

  #answer(
    request: IncomingMessage,
    path: string,
    body: string,
    bytes: Buffer,
    operation: string | undefined,
  ): { status: number; body: string } {
    // a signed address needs no key
    if (path.startsWith('/upload/')) return this.#upload(path, bytes);
    if (path.startsWith('/artifacts/')) {
      const complaint = this.artifactStore.put(path, bytes);
      return complaint === undefined ? { status: 200, body: '' } : this.#refuse(400, complaint);
    }
    const expected = `Basic ${Buffer.from(`api:${this.key}`).toString('base64')}`;
    if (request.headers.authorization !== expected)
      return { status: 401, body: JSON.stringify({ error: 'user is not logged in' }) };
    if (path === '/healthz' || path === '/sdk/otel/v1/metrics') return { status: 200, body: '{}' };
    if (path === '/graphql') return this.#graphql(request, body, operation);
    const stream = /^\/files\/([^/]+)\/([^/]+)\/([^/]+)\/file_stream$/.exec(path);
    if (stream) {
      const [entity, project, name] = stream.slice(1).map(decodeURIComponent) as [string, string, string];
      return this.#stream(`${entity}/${project}/${name}`, request, body);
    }
    return { status: 404, body: '404 page not found' };
  }

  #refuse(status: number, complaint: string): { status: number; body: string } {
    this.violations.push(complaint);
    return { status, body: JSON.stringify({ error: complaint }) };
  }

  #graphql(
    request: IncomingMessage,
    body: string,
    operation: string | undefined,
  ): { status: number; body: string } {
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
      return this.#refuse(415, `content-type ${String(request.headers['content-type'])}`);
    let asked: GraphqlRequest;
    try {
      asked = readGraphql(body);
    } catch (error) {
      return this.#refuse(400, `${operation}: ${(error as Error).message}`);
    }
    const handler = this.#operations[asked.operation] ?? this.artifactStore.operations[asked.operation];
    if (!handler)
      return {
        status: 200,
        body: JSON.stringify({ errors: [{ message: `unknown operation ${asked.operation}` }], data: null }),
      };
    try {
      return { status: 200, body: JSON.stringify({ data: handler(asked) }) };
    } catch (error) {
      this.violations.push(`${asked.operation}: ${(error as Error).message}`);
      return {
        status: 200,
        body: JSON.stringify({ errors: [{ message: (error as Error).message }], data: null }),
      };
    }
  }

  readonly #operations: Readonly<Record<string, (asked: GraphqlRequest) => unknown>> = {
    Viewer: () => ({
      viewer: {
        id: 'VXNlcg==',
        entity: this.entity,
        username: this.entity,
        email: 't@example.com',
        flags: '{}',
        teams: { edges: [] },
      },
    }),
    ServerFeaturesQuery: () => ({ serverInfo: { features: [] } }),
    OrganizationCoreWeaveOrganizationID: () => ({
      entity: { organization: { coreWeaveOrganizationId: null } },
    }),
    UpsertBucket: (asked) => this.#upsert(asked),
    RunResumeStatus: ({ variables }) => {
      const entity = (variables['entity'] as string | null) || this.entity;
      const project = variables['project'] as string;
      const run = this.runs.get(`${entity}/${project}/${variables['name'] as string}`);
      return {
        model: {
          id: 'UHJvamVjdA==',
          name: project,
          entity: { id: 'RW50aXR5', name: entity },
          bucket: run ? resumeStatus(run) : null,
        },
      };
    },
    CreateRunFiles: ({ variables }) => {
      const run = this.#found(variables);
      const files = variables['files'] as string[];
      for (const file of files)
        if (file === '' || file.startsWith('/') || file.split('/').includes('..'))
          throw new Error(`bad file name ${JSON.stringify(file)}`);
      return {
        createRunFiles: {
          runID: run.id,
          uploadHeaders: [],
          files: files.map((name) => ({
            name,
            uploadUrl: `${this.url}/upload/${[run.entity, run.project, run.name, ...name.split('/')].map(encodeURIComponent).join('/')}`,
          })),
        },
      };
    },
    NotifyScriptableRunAlert: ({ variables }) => {
      const run = this.#found(variables);
      const { title, text, severity = 'INFO', waitDuration } = variables as Record<string, string>;
      run.alerts.push({ title: title ?? '', text: text ?? '', severity, waitDuration });
      return { notifyScriptableRunAlert: { success: true } };
    },
  };

  #found(variables: Readonly<Record<string, unknown>>): StoredRun {
    const path = ['entity', 'project', 'run']
      .map((key) => (variables[key] ?? variables[`${key}Name`]) as string)
      .join('/');
    const run = this.runs.get(path);
    if (!run) throw new Error(`run ${path} not found`);
    return run;
  }

  #upsert({ variables: given, fields, arguments: slots }: GraphqlRequest): unknown {
    const value = (slot: string): string | undefined =>
      (given[slots.get(slot) ?? ''] ?? undefined) as string | undefined;
    const project = value('modelName') ?? 'uncategorized';
    const entity = value('entityName') || this.entity;
    const name = value('name');
    const known = [...this.runs.values()].find(({ id }) => id === value('id'));
    if (value('id') !== undefined && !known) throw new Error('run id not found');
    if (!known && (name === undefined || name === '')) throw new Error('name is missing');
    if (project.length > 128 || BAD_NAME.test(project)) throw new Error(`invalid project name ${project}`);
    if (name !== undefined && (name.length > 128 || BAD_NAME.test(name)))
      throw new Error(`invalid run id ${name}`);
    const tags = value('tags') as unknown as string[] | undefined;
    for (const tag of tags ?? [])
      if (tag.length < 1 || tag.length > 64) throw new Error(`tag of ${tag.length} characters`);
    if ((value('groupName') ?? '').length > 128) throw new Error('group name is longer than 128');
    const path = `${entity}/${project}/${name}`;
    const existing = known ?? this.runs.get(path);
    const run: StoredRun = existing ?? newRun(entity, project, name as string);
    if (!existing) this.runs.set(path, run);
    const config = value('config');
    if (config !== undefined) run.config = { ...run.config, ...checkedConfig(config) };
    const summary = value('summaryMetrics');
    if (summary !== undefined) run.summary = parsePythonJson(summary) as Record<string, unknown>;
    run.displayName = value('displayName') ?? run.displayName;
    run.group = value('groupName') ?? run.group;
    run.jobType = value('jobType') ?? run.jobType;
    run.notes = value('notes') ?? run.notes;
    run.tags = tags ?? run.tags;
    run.commit = value('commit') ?? run.commit;
    run.repo = value('jobRepo') ?? run.repo;
    run.host = value('host') ?? run.host;
    run.program = value('jobProgram') ?? run.program;
    if (!fields.has('bucket')) throw new Error('nothing asked for');
    return {
      upsertBucket: {
        bucket: {
          id: run.id,
          name: run.name,
          displayName: run.displayName,
          description: null,
          config: JSON.stringify(run.config),
          sweepName: null,
          project: { id: 'UHJvamVjdA==', name: run.project, entity: { id: 'RW50aXR5', name: run.entity } },
          historyLineCount: run.history.length,
        },
        inserted: !existing,
      },
    };
  }

  #upload(path: string, bytes: Buffer): { status: number; body: string } {
    const [entity, project, name, ...file] = path.slice('/upload/'.length).split('/').map(decodeURIComponent);
    const run = this.runs.get(`${entity}/${project}/${name}`);
    if (!run) return this.#refuse(404, `upload to ${path}`);
    run.files.set(file.join('/'), new Uint8Array(bytes));
    return { status: 200, body: '' };
  }

  #stream(path: string, request: IncomingMessage, body: string): { status: number; body: string } {
    const run = this.runs.get(path);
    if (!run) return this.#refuse(404, `file stream of ${path}, which does not exist`);
    if (Buffer.byteLength(body) > MAX_POST_BYTES + 1024 * 1024)
      return this.#refuse(413, `post of ${body.length} characters`);
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
      return this.#refuse(415, `content-type ${String(request.headers['content-type'])}`);
    const complaint = takeStream(run, body);
    if (complaint !== undefined) return this.#refuse(400, complaint);
    return { status: 200, body: JSON.stringify(run.stopRequested ? { stopped: true } : {}) };
  }
}
