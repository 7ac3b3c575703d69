import { trace, type TracerProvider } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { ATTR } from '../../conventions/index.ts';
import type { ResourceAttributes } from '../settings/resource.ts';
import { isLoopback } from '../settings/target.ts';

/** What is read, carefully, of another SDK's provider (sdk-trace-base 1.x and 2.x; none of it is public in 2.x). */
interface ProviderShape {
  addSpanProcessor?(processor: SpanProcessor): void;
  getDelegate?(): TracerProvider;
  readonly resource?: ResourceShape;
  readonly _resource?: ResourceShape;
  readonly _activeSpanProcessor?: { readonly _spanProcessors?: unknown };
}

/** A resource of sdk 2.x, whose attributes may be promises, or of 1.x, which keeps the settled ones apart. */
interface ResourceShape {
  getRawAttributes?(): readonly (readonly [string, unknown])[];
  readonly _syncAttributes?: Readonly<Record<string, unknown>>;
}

const UNNAMED_SERVICE = /^unknown_service/;

/** The provider that spans of this process really go to; undefined when nobody registered one. */
export function registeredProvider(): TracerProvider | undefined {
  const globals = (globalThis as unknown as Record<symbol, { trace?: TracerProvider } | undefined>)[
    Symbol.for('opentelemetry.js.api.1')
  ];
  const provider = globals?.trace;
  if (!provider) return undefined;
  return (provider as ProviderShape).getDelegate?.() ?? provider;
}

/** What our own copy of the API sees; differs from `registeredProvider` when its version does not fit the global's. */
export function visibleProvider(): TracerProvider {
  const provider = trace.getTracerProvider();
  return (provider as ProviderShape).getDelegate?.() ?? provider;
}

/** URLs that the provider's exporters send to, as far as they can be seen; undefined when there are exporters that cannot be looked into. */
export function exporterUrls(provider: TracerProvider): string[] | undefined {
  const processors = spanProcessors(provider as ProviderShape);
  if (!processors) return undefined;
  const urls: string[] = [];
  for (const processor of processors) {
    const exporter = (processor as { _exporter?: unknown })._exporter;
    if (exporter === undefined) continue;
    const url = exporterUrl(exporter);
    if (url === undefined) return undefined;
    urls.push(url);
  }
  return urls;
}

/**
 * The resource of another SDK's spans, as far as it can be seen and is known by now. Its service's name is left out
 * when nobody gave it one.
 */
export function foreignResource(provider: TracerProvider): ResourceAttributes {
  const { resource, _resource } = provider as ProviderShape;
  const shape = resource ?? _resource;
  const entries = shape?.getRawAttributes?.() ?? Object.entries(shape?._syncAttributes ?? {});
  const attributes: Record<string, string | number | boolean> = {};
  for (const [name, value] of entries) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') continue;
    if (name === ATTR.serviceName && UNNAMED_SERVICE.test(String(value))) continue;
    // Of several values of one name the first counts.
    attributes[name] ??= value;
  }
  return attributes;
}

/**
 * Adds a span processor to another SDK's provider: by its method where there is one (SDK 1.x), else to the list that
 * SDK 2.x keeps, after a check that it is one.
 *
 * @returns false when the provider has no known shape.
 */
export function addSpanProcessor(provider: TracerProvider, processor: SpanProcessor): boolean {
  const shape = provider as ProviderShape;
  if (typeof shape.addSpanProcessor === 'function') {
    shape.addSpanProcessor(processor);
    return true;
  }
  const processors = spanProcessors(shape);
  if (!processors) return false;
  processors.push(processor);
  return true;
}

/** Are two OTLP URLs the same receiver? localhost and the loopback addresses are one. */
export function sameReceiver(a: string, b: string): boolean {
  if (!URL.canParse(a) || !URL.canParse(b)) return a === b;
  const [one, other] = [new URL(a), new URL(b)];
  const sameHost =
    one.hostname === other.hostname || (isLoopback(one.hostname) && isLoopback(other.hostname));
  return sameHost && one.port === other.port && trimmed(one) === trimmed(other);
}

const trimmed = (url: URL): string => url.pathname.replace(/\/+$/, '');

function spanProcessors(shape: ProviderShape): SpanProcessor[] | undefined {
  const processors = shape._activeSpanProcessor?._spanProcessors;
  if (!Array.isArray(processors) || !Object.isExtensible(processors)) return undefined;
  const known = processors.every(
    (processor: unknown) => typeof (processor as SpanProcessor | undefined)?.onEnd === 'function',
  );
  return known ? (processors as SpanProcessor[]) : undefined;
}

/** OTLP exporters keep their URL in nested transports under `_parameters.url`; a few levels are looked at. */
function exporterUrl(exporter: unknown): string | undefined {
  let level = exporter as Record<string, unknown> | undefined;
  for (let depth = 0; depth < 5 && level; depth++) {
    const url = (level._parameters as { url?: unknown } | undefined)?.url ?? level.url;
    if (typeof url === 'string') return url;
    level = (level._delegate ?? level._transport) as Record<string, unknown> | undefined;
  }
  return undefined;
}
