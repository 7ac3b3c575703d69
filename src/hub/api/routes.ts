import { LIVE_ROUTES } from './live.ts';
import { METRIC_ROUTES } from './metrics.ts';
import { OVERVIEW_ROUTES } from './overview.ts';
import type { Route } from './route.ts';
import { RUN_ROUTES } from './runs.ts';
import { serviceRoutes } from './service.ts';
import { TRACE_ROUTES } from './traces.ts';

/** Every route of the API: the server answers by this table, and the OpenAPI document is made from it. */
export const ROUTES: readonly Route[] = [
  ...RUN_ROUTES,
  ...METRIC_ROUTES,
  ...TRACE_ROUTES,
  ...OVERVIEW_ROUTES,
  ...LIVE_ROUTES,
  ...serviceRoutes(() => ROUTES),
];
