import type { Attributes } from '@opentelemetry/api';
import { ATTR, METRIC } from '../../conventions/index.ts';
import type { BoundHistogram, BoundUpDownCounter } from '../../telemetry/instruments/bound.ts';
import { type InstrumentRegistry, instruments } from '../../telemetry/instruments/registry.ts';
import { methodName } from './methods.ts';

export const HTTP_SCOPE = 'llm-otel.http';

/** What distinguishes the series of `http.server.request.duration`. */
export interface HttpSeriesKey {
  /** From the table of methods. */
  methodIndex: number;
  secure: boolean;
  /** `1.0`, `1.1`, `2`. */
  protocolVersion: string;
  /** 0 when no status was sent. */
  statusCode: number;
  route: string | undefined;
  /** Only for failed requests; default: the status from 500 on. */
  errorType?: string | undefined;
}

const VERSIONS = ['1.1', '2', '1.0'];
/** Routes come from the program's own table; this only bounds one that generates them. */
const MAX_ROUTES = 1000;

/** `http.server.request.duration` and `http.server.active_requests`, found by small numbers instead of attributes. */
export class HttpMetrics {
  readonly #duration;
  readonly #active;
  readonly #byRoute = new Map<string, Map<number, BoundHistogram>>();
  readonly #activeSeries = new Map<number, BoundUpDownCounter>();

  constructor(registry: InstrumentRegistry = instruments) {
    this.#duration = registry.histogram(METRIC.httpRequestDuration, HTTP_SCOPE);
    this.#active = registry.upDownCounter(METRIC.httpActiveRequests, HTTP_SCOPE);
  }

  active(methodIndex: number, secure: boolean): BoundUpDownCounter {
    const key = methodIndex * 2 + (secure ? 1 : 0);
    let series = this.#activeSeries.get(key);
    if (!series) {
      series = this.#active.bind({
        [ATTR.httpRequestMethod]: methodName(methodIndex),
        [ATTR.urlScheme]: secure ? 'https' : 'http',
      });
      this.#activeSeries.set(key, series);
    }
    return series;
  }

  duration(key: HttpSeriesKey): BoundHistogram {
    if (key.errorType !== undefined) return this.#bind(key);
    const routes = this.#byRoute.get(key.route ?? '');
    const number =
      ((key.methodIndex * 4 + VERSIONS.indexOf(key.protocolVersion) + 1) * 2 + (key.secure ? 1 : 0)) * 1000 +
      key.statusCode;
    const found = routes?.get(number);
    if (found) return found;
    const series = this.#bind(key);
    if (routes) routes.set(number, series);
    else if (this.#byRoute.size < MAX_ROUTES) this.#byRoute.set(key.route ?? '', new Map([[number, series]]));
    return series;
  }

  #bind(key: HttpSeriesKey): BoundHistogram {
    const attributes: Attributes = {
      [ATTR.httpRequestMethod]: methodName(key.methodIndex),
      [ATTR.urlScheme]: key.secure ? 'https' : 'http',
      [ATTR.networkProtocolVersion]: key.protocolVersion,
    };
    if (key.statusCode > 0) attributes[ATTR.httpResponseStatusCode] = key.statusCode;
    if (key.route !== undefined) attributes[ATTR.httpRoute] = key.route;
    if (key.errorType !== undefined) attributes[ATTR.errorType] = key.errorType;
    else if (key.statusCode >= 500) attributes[ATTR.errorType] = String(key.statusCode);
    return this.#duration.bind(attributes);
  }
}
