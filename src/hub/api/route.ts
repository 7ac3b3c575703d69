import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SettingsResponse } from '../../conventions/index.ts';
import type { LiveFeed } from '../live/feed.ts';
import type { Reading } from '../query/reading.ts';
import type { Objectives } from '../query/summary.ts';
import type { Store } from '../store/store.ts';
import { type Parameters, type ValuesOf, readQuery } from './parameters.ts';
import { notFound } from './http-error.ts';

/** What the routes read. */
export interface ApiContext {
  store: Store;
  /** The store, for questions that several ask at a time. */
  reading: Reading;
  live: LiveFeed;
  /** Wall clock, ms since the epoch. */
  now(): number;
  /** ms since the epoch. */
  startedAt: number;
  version: string;
  objectives: Objectives;
  settings: SettingsResponse;
  /** The hub's own metrics as Prometheus text. */
  exposition(): string;
}

/** An answer with a body. `json` goes through the sliced encoder; `text` as it is. */
export type Answer = { json: unknown } | { text: string; contentType: string } | 'streaming';

export interface RouteCall<P extends Parameters, N extends string> {
  values: ValuesOf<P>;
  /** The `attr.NAME=value` parameters. */
  where: Record<string, string>;
  path: Record<N, string>;
  context: ApiContext;
  request: IncomingMessage;
  response: ServerResponse;
}

/** One route: what it answers to, how it is described, and what it does. The document and the server read this. */
export interface Route {
  /** With `{name}` for a part of the path. All routes are GET (and HEAD). */
  readonly path: string;
  readonly summary: string;
  readonly parameters: Parameters;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly attributes: boolean;
  /** Name of the schema of the JSON body; `undefined` for another kind of body. */
  readonly schema: string | undefined;
  readonly contentType: string;
  /** Answers without sign-in. */
  readonly open: boolean;
  readonly statuses: readonly number[];
  match(path: string): Record<string, string> | undefined;
  run(
    call: Omit<RouteCall<Parameters, string>, 'values' | 'where'> & { query: URLSearchParams },
  ): Promise<Answer>;
}

export interface RouteDefinition<P extends Parameters, N extends string> {
  path: string;
  summary: string;
  parameters?: P;
  pathParameters?: Record<N, string>;
  attributes?: boolean;
  schema?: string;
  contentType?: string;
  open?: boolean;
  handle: (call: RouteCall<P, N>) => Answer | Promise<Answer>;
}

export function route<P extends Parameters = Parameters, N extends string = never>(
  definition: RouteDefinition<P, N>,
): Route {
  const { path, summary, schema, handle } = definition;
  const parameters = definition.parameters ?? ({} as P);
  const pathParameters: Record<string, string> = definition.pathParameters ?? {};
  const attributes = definition.attributes ?? false;
  return {
    path,
    summary,
    parameters,
    pathParameters,
    attributes,
    schema,
    contentType: definition.contentType ?? 'application/json',
    open: definition.open ?? false,
    statuses: [200, 400, ...(Object.keys(pathParameters).length > 0 ? [404] : [])],
    match: matcher(path),
    async run({ query, ...call }) {
      const { values, where } = readQuery(query, parameters, attributes);
      return handle({ ...call, values, where });
    },
  };
}

/** Matches a path segment by segment; the segments that `{name}` stands for come back decoded. */
function matcher(pattern: string): Route['match'] {
  const wanted = pattern.split('/');
  return (path) => {
    const came = path.split('/');
    if (came.length !== wanted.length) return undefined;
    const found: Record<string, string> = Object.create(null);
    for (let i = 0; i < wanted.length; i++) {
      const segment = wanted[i] as string;
      if (!segment.startsWith('{')) {
        if (segment !== came[i]) return undefined;
        continue;
      }
      if (came[i] === '') return undefined;
      found[segment.slice(1, -1)] = decoded(came[i] ?? '');
    }
    return found;
  };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw notFound(`"${segment.slice(0, 80)}" is not a percent-encoded name.`);
  }
}
