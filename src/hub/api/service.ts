import { openApiDocument } from './openapi.ts';
import { type Route, route } from './route.ts';

/** Routes about the hub itself. The document describes all of them, so it is given the table that they are in. */
export function serviceRoutes(all: () => readonly Route[]): Route[] {
  return [
    route({
      path: '/healthz',
      summary: 'Is the hub up? 503 while it starts',
      schema: 'Health',
      open: true,
      handle: ({ context }) => ({
        json: {
          status: 'ok',
          version: context.version,
          uptime: (context.now() - context.startedAt) / 1000,
        },
      }),
    }),
    route({
      path: '/metrics',
      summary: "The hub's own metrics in Prometheus' text format",
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      handle: ({ context }) => ({
        text: context.exposition(),
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
      }),
    }),
    route({
      path: '/api/settings',
      summary: 'What the page begins with when its address says nothing',
      schema: 'SettingsResponse',
      handle: ({ context }) => ({ json: context.settings }),
    }),
    route({
      path: '/api/openapi.json',
      summary: 'This document',
      handle: ({ context }) => ({ json: openApiDocument(all(), context.version) }),
    }),
  ];
}
