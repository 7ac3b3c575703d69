import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from '../api/http-error.ts';
import type { ApiContext, Route } from '../api/route.ts';
import { AnswerTooLargeError } from '../store/answer-too-large-error.ts';
import type { Gate } from './gate.ts';
import { sendError, sendFile, sendJson, sendText } from './respond.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import type { SignIn } from './sign-in.ts';
import { SIGN_IN_PAGE, type StaticFile } from './static-files.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface HandlerOptions {
  gate: Gate;
  /** Sign-in to page and API; `undefined` = open. */
  signIn: SignIn | undefined;
  routes: readonly Route[];
  files: ReadonlyMap<string, StaticFile>;
  /** What answers when the store is open; `undefined` while the hub starts, and while it stops. */
  serving: () => Serving | undefined;
  /** Counts an answer, for the hub's own metrics. */
  count: (route: string, status: number) => void;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
}
export interface Serving {
  context: ApiContext;
  /** Answers OTLP requests, asking for their token where one is needed; false when the request is none. */
  receive: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** Everything that one port answers to. `otlpOnly`: the second port, which takes OTLP and tells its health. */
export function createHandler(options: HandlerOptions, otlpOnly: boolean): Handler {
  const { gate, signIn, files, log } = options;
  const routes = otlpOnly ? options.routes.filter((route) => route.path === '/healthz') : options.routes;

  return (request, response) => {
    // A client that goes away while it is answered is no event.
    response.on('error', () => {});
    request.on('error', () => {});
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const answered = { route: 'other' };
    response.once('close', () => options.count(answered.route, response.statusCode));
    try {
      answer(request, response, answered)?.catch((error: unknown) => fail(request, response, error));
    } catch (error) {
      fail(request, response, error);
    }
  };

  function answer(
    request: IncomingMessage,
    response: ServerResponse,
    answered: { route: string },
  ): Promise<void> | undefined {
    gate.check({ rawHeaders: request.rawHeaders, url: request.url ?? '' });
    const { pathname, searchParams } = new URL(`http://hub${request.url ?? '/'}`);
    const serving = options.serving();
    if (pathname.startsWith('/v1/')) {
      answered.route = '/v1';
      if (!serving) throw starting();
      if (serving.receive(request, response)) return undefined;
    }
    const matched = find(routes, pathname);
    if (matched) {
      answered.route = matched.route.path;
      allowReading(request);
      if (!matched.route.open && signIn && !signIn.known(request.headers)) throw unauthorized();
      if (!serving) throw starting();
      return respond(matched, searchParams, serving.context, request, response);
    }
    if (!otlpOnly) {
      const file = files.get(pathname);
      if (file) {
        answered.route = 'page';
        allowReading(request);
        return servePage(file, searchParams, request, response);
      }
    }
    throw new HttpError(404, 'not_found', otlpOnly ? OTLP_ONLY : NOWHERE);
  }

  /** Signs in with `?token=`, and then leads to the same address without it. */
  function servePage(
    file: StaticFile,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): undefined {
    const token = query.get('token');
    const isPage = file.contentType.startsWith('text/html');
    if (isPage && token !== null) {
      // HEAD is what previews of links send: it must not use the code up.
      const cookie = request.method === 'GET' ? signIn?.exchange(token) : undefined;
      if (!signIn || cookie || signIn.known(request.headers)) {
        query.delete('token');
        const rest = query.toString();
        response.writeHead(303, {
          location: rest === '' ? '/' : `/?${rest}`,
          'cache-control': 'no-store',
          ...(cookie ? { 'set-cookie': cookie } : {}),
        });
        response.end();
        return;
      }
    }
    if (isPage && signIn && !signIn.known(request.headers)) {
      sendText(request, response, 401, 'text/html; charset=utf-8', SIGN_IN_PAGE);
      return;
    }
    sendFile(request, response, file);
  }

  /** One failed read is one failed answer; the process and the other clients go on. */
  function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (!(error instanceof HttpError) && !(error instanceof AnswerTooLargeError)) {
      // The path only: a query may hold a token.
      const path = (request.url ?? '').split('?')[0];
      log(
        'error',
        `${request.method} ${path} failed: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown error'}`,
      );
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const told = toldOf(error);
    // A body that nobody reads must not hold up the connection's next request.
    if (request.method !== 'GET' && request.method !== 'HEAD') response.setHeader('connection', 'close');
    sendError(request, response, told);
  }
}

function toldOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof AnswerTooLargeError) return new HttpError(400, 'too_many_points', error.message);
  return new HttpError(500, 'internal', 'The hub could not answer; its log says why.');
}

interface Matched {
  route: Route;
  path: Record<string, string>;
}
function find(routes: readonly Route[], pathname: string): Matched | undefined {
  for (const route of routes) {
    const path = route.match(pathname);
    if (path) return { route, path };
  }
  return undefined;
}

async function respond(
  { route, path }: Matched,
  query: URLSearchParams,
  context: ApiContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await route.run({ query, path, context, request, response });
  if (answer === 'streaming') return;
  if ('json' in answer) await sendJson(request, response, answer.json);
  else sendText(request, response, 200, answer.contentType, answer.text);
}

function allowReading({ method }: IncomingMessage): void {
  if (method !== 'GET' && method !== 'HEAD')
    throw new HttpError(405, 'method_not_allowed', `${method} is not possible here; GET and HEAD are.`, {
      allow: 'GET, HEAD',
    });
}

const unauthorized = () =>
  new HttpError(
    401,
    'unauthorized',
    'This hub asks for its token: send the header Authorization: Bearer TOKEN, or open the page by the address that the hub printed.',
    { 'www-authenticate': 'Bearer realm="llm-otel hub"' },
  );
const starting = () =>
  new HttpError(503, 'starting', 'The hub is starting or stopping; try again in a moment.', {
    'retry-after': '1',
    // The next try is for the hub that comes after one that stops.
    connection: 'close',
  });
const NOWHERE =
  'Nothing is here. The page is at /, the API is described at /api/openapi.json, OTLP goes to /v1/.';
const OTLP_ONLY =
  'This port takes OTLP only: POST /v1/traces, /v1/metrics, /v1/logs. Page and API are on the other port.';
