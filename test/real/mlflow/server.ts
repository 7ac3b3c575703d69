import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A real MLflow server over a SQLite file, which can be killed and started again on the same port. */
export class MlflowServer {
  readonly #python: string;
  readonly #dir: string;
  readonly port: number;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(python: string, dir: string, port: number) {
    this.#python = python;
    this.#dir = dir;
    this.port = port;
  }

  /** `dir` is empty, or of an earlier server. */
  static async start(python: string, dir: string): Promise<MlflowServer> {
    const server = new MlflowServer(python, dir, await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /**
   * The application alone, in one process: what `mlflow server` starts behind its command, several seconds sooner
   * (mlflow/server/__init__.py hands these variables to it).
   */
  async start(): Promise<void> {
    const store = `sqlite:///${this.#dir}/mlflow.db`;
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
        'mlflow.server.fastapi_app:app',
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
    const reply = await fetch(`${this.url}/api/2.0/mlflow/${path}`, init);
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${text.slice(0, 500)}`);
    return JSON.parse(text) as unknown;
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
