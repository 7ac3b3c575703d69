import { describe, expect, it } from 'vitest';
import { matchRoute, OPENAI_ROUTES, parseRoutes } from '../../../src/serving/openai/routes.ts';

describe('a path', () => {
  it.each([
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/openai/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/completions/', '/v1/completions'],
    ['/v1/responses', '/v1/responses'],
    ['/v1/responses/resp_1', undefined],
    ['/v1/models', undefined],
    ['/xv1/completions', undefined],
    ['/', undefined],
  ])('%s is read as %s', (path, suffix) => {
    expect(matchRoute(path, OPENAI_ROUTES)?.suffix).toBe(suffix);
  });
  it('may be one that the user added', () => {
    const routes = parseRoutes(' /generate, api/chat/ ,,');
    expect(routes.map((route) => route.suffix)).toEqual(['/generate', '/api/chat']);
    expect(matchRoute('/x/api/chat', routes)?.suffix).toBe('/api/chat');
    expect(parseRoutes(undefined)).toEqual([]);
  });
});
