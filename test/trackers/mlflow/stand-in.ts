import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  /** Parsed, where it is JSON. */
  body: Record<string, unknown>;
  text: string;
}

/** An answer: JSON, or text with a status. */
export type Answer = object | { status: number; text: string; headers?: Record<string, string> };

export interface StandIn {
  readonly url: string;
  readonly asked: Asked[];
  /** Requests of a path's end, such as `log-batch`. */
  to(end: string): Asked[];
  close(): Promise<void>;
}

/** As much of MLflow's server as a run that starts needs; `answer` says what else there is to say. */
export async function startStandIn(
  answer: (asked: Asked) => Answer | undefined = () => undefined,
): Promise<StandIn> {
  const asked: Asked[] = [];
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const [path = '', query] = (request.url ?? '').split('?');
      const json = request.headers['content-type'] === 'application/json';
      const one: Asked = {
        method: request.method ?? '',
        path,
        query: new URLSearchParams(query),
        headers: request.headers,
        text,
        body: json ? (JSON.parse(text) as Record<string, unknown>) : {},
      };
      asked.push(one);
      const said = answer(one) ?? usual(one);
      if ('status' in said && 'text' in said) {
        reply.writeHead(said.status, 'headers' in said ? said.headers : {});
        reply.end(said.text);
      } else reply.end(JSON.stringify(said));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    asked,
    to: (end) => asked.filter(({ path }) => path.endsWith(end)),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function usual({ path }: Asked): Answer {
  const end = path.split('/').slice(-2).join('/');
  const info = {
    run_id: 'm1',
    experiment_id: '7',
    artifact_uri: 'mlflow-artifacts:/7/m1/artifacts',
    status: 'RUNNING',
  };
  switch (end) {
    case 'experiments/get-by-name':
      return { experiment: { experiment_id: '7', lifecycle_stage: 'active' } };
    case 'runs/create':
    case 'runs/get':
      return { run: { info, data: {} } };
    default:
      return path === '/version' ? { status: 200, text: '3.17.2' } : {};
  }
}

/** As the server refuses. */
export function refusal(status: number, errorCode: string, message: string): Answer {
  return { status, text: JSON.stringify({ error_code: errorCode, message }) };
}
