import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A server with TLS, users (`--app-name basic-auth`) and workspaces. */
export interface MlflowSecurity {
  /** Files in PEM, of a certificate for 127.0.0.1. */
  readonly cert: string;
  readonly key: string;
  /** Of the user `admin`; MLflow wants at least 12 characters. */
  readonly password: string;
}

/** A real MLflow server over a SQLite file, which can be killed and started again on the same port. */
export class MlflowServer {
  readonly #python: string;
  readonly #dir: string;
  readonly port: number;
  readonly #security: MlflowSecurity | undefined;
  /** That `get` and `post` look into; default the server's. */
  workspace: string | undefined;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(python: string, dir: string, port: number, security?: MlflowSecurity) {
    this.#python = python;
    this.#dir = dir;
    this.port = port;
    this.#security = security;
  }

  /** `dir` is empty, or of an earlier server. */
  static async start(python: string, dir: string, security?: MlflowSecurity): Promise<MlflowServer> {
    const server = new MlflowServer(python, dir, await freePort(), security);
    await server.start();
    return server;
  }

  get url(): string {
    return `${this.#security ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  /**
   * The application alone, in one process: what `mlflow server` starts behind its command, several seconds sooner
   * (mlflow/server/__init__.py hands these variables to it).
   */
  async start(): Promise<void> {
    const store = `sqlite:///${this.#dir}/mlflow.db`;
    const security = this.#security;
    const child = spawn(
      this.#python,
      [
        '-m',
        'uvicorn',
        '--host',
        '127.0.0.1',
        '--port',
        String(this.port),
        '--log-level',
        'warning',
        ...(security
          ? ['--ssl-certfile', security.cert, '--ssl-keyfile', security.key].concat([
              '--factory',
              'mlflow.server.auth:create_app',
            ])
          : ['mlflow.server.fastapi_app:app']),
      ],
      {
        cwd: this.#dir,
        env: {
          ...process.env,
          MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
          _MLFLOW_SERVER_FILE_STORE: store,
          _MLFLOW_SERVER_REGISTRY_STORE: store,
          _MLFLOW_SERVER_ARTIFACT_ROOT: 'mlflow-artifacts:/',
          _MLFLOW_SERVER_ARTIFACT_DESTINATION: `${this.#dir}/artifacts`,
          _MLFLOW_SERVER_SERVE_ARTIFACTS: 'true',
          ...(security && {
            _MLFLOW_SGI_NAME: 'uvicorn',
            MLFLOW_ENABLE_WORKSPACES: 'true',
            MLFLOW_FLASK_SERVER_SECRET_KEY: 'of this test',
            MLFLOW_AUTH_ADMIN_PASSWORD: security.password,
          }),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-4000);
      });
    const deadline = Date.now() + 90_000;
    // /health is green before the database is ready
    while (!(await this.#answers())) {
      if (child.exitCode !== null) throw new Error(`MLflow ended with ${child.exitCode}:\n${this.#output}`);
      if (Date.now() > deadline) throw new Error(`MLflow did not start within 90 s:\n${this.#output}`);
      await delay(100);
    }
  }

  async #answers(): Promise<boolean> {
    try {
      await this.post('experiments/search', { max_results: 1 });
      return true;
    } catch {
      return false;
    }
  }

  /** SIGKILL: nothing is finished. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async get(path: string, query: Record<string, string>): Promise<unknown> {
    return this.#json(`${path}?${new URLSearchParams(query).toString()}`, { method: 'GET' });
  }

  async post(path: string, body: object): Promise<unknown> {
    return this.#json(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  async #json(path: string, init: RequestInit): Promise<unknown> {
    const { status, text } = await this.#ask(`${this.url}/api/2.0/mlflow/${path}`, init);
    if (status >= 300) throw new Error(`${path}: ${status} ${text.slice(0, 500)}`);
    return JSON.parse(text) as unknown;
  }

  async #ask(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
    if (!this.#security) {
      const reply = await fetch(url, init);
      return { status: reply.status, text: await reply.text() };
    }
    const { cert, password } = this.#security;
    const asked = request(url, {
      method: init.method,
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
        ...(this.workspace !== undefined && { 'x-mlflow-workspace': this.workspace }),
      },
      ca: readFileSync(cert),
    });
    asked.end(init.body);
    const [reply] = (await once(asked, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of reply) chunks.push(chunk as Buffer);
    return { status: reply.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
  }

  /** Every point of a metric, all pages. */
  async history(runId: string, key: string): Promise<MlflowPoint[]> {
    const points: MlflowPoint[] = [];
    let token = '';
    do {
      const page = (await this.get('metrics/get-history', {
        run_id: runId,
        metric_key: key,
        max_results: '20000',
        ...(token === '' ? {} : { page_token: token }),
      })) as { metrics?: MlflowPoint[]; next_page_token?: string };
      points.push(...(page.metrics ?? []));
      token = page.next_page_token ?? '';
    } while (token !== '');
    return points;
  }

  async run(runId: string): Promise<MlflowRunReply> {
    return ((await this.get('runs/get', { run_id: runId })) as { run: MlflowRunReply }).run;
  }

  /** A file of the artifact store, by its path below the root. */
  async artifact(path: string): Promise<Buffer> {
    const reply = await fetch(`${this.url}/api/2.0/mlflow-artifacts/artifacts/${path}`);
    if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
    return Buffer.from(await reply.arrayBuffer());
  }
}

export interface MlflowPoint {
  key: string;
  value: number | string;
  timestamp: number;
  step: number;
}

interface Pair {
  key: string;
  value: string;
}
export interface MlflowRunReply {
  info: {
    run_id: string;
    experiment_id: string;
    run_name: string;
    status: string;
    end_time?: number;
    artifact_uri: string;
  };
  data: { params?: Pair[]; tags?: Pair[]; metrics?: MlflowPoint[] };
  inputs?: { dataset_inputs?: { dataset: { name: string; digest: string } }[] };
  outputs?: { model_outputs?: { model_id: string; step: number }[] };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
