import { diag, type HrTime } from '@opentelemetry/api';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { readOutcome } from './outcome.ts';
import { EnvironmentReader } from '../settings/environment-reader.ts';
import type { DeliveryOutcome, EventExporter, EventExporterOptions, EventRecord } from '../event-exporter.ts';
import { LOGS_CODEC } from './otlp-codec.ts';
import { OtlpSender } from './otlp-sender.ts';
import { packageVersion } from '../package-version.ts';
import { resolveTarget } from '../settings/target.ts';

const SEVERITY_INFO = 9;

/**
 * Sends run events as OTLP log records and tells what became of them by the true HTTP status. One request an
 * `export`, no retry: a record leaves the caller's queue only on `ok`. An empty list sends an empty request, which asks
 * the receiver whether it is one.
 */
export function createEventExporter(options: EventExporterOptions = {}): EventExporter {
  const environment = new EnvironmentReader(options.env ?? process.env, (message) =>
    diag.warn(`llm-otel: ${message}`),
  );
  return eventExporterBy(environment, options);
}

/** The same with a reader of the environment that knows which faults it has told. */
export function eventExporterBy(
  environment: EnvironmentReader,
  options: EventExporterOptions,
): EventExporter {
  const target = resolveTarget('logs', environment, options);
  const sender = new OtlpSender(target, { background: options.background ?? false });
  const codec = LOGS_CODEC[target.protocol];
  // The serialiser groups records by the identity of these objects.
  const scope = { name: 'llm-otel', version: packageVersion() };
  const resources = new WeakMap<EventRecord['resource'], Resource>();
  const resourceOf = (attributes: EventRecord['resource']): Resource => {
    let resource = resources.get(attributes);
    if (!resource) {
      resource = resourceFromAttributes(attributes);
      resources.set(attributes, resource);
    }
    return resource;
  };
  const toLogRecord = (record: EventRecord): ReadableLogRecord => {
    const time = toHrTime(record.time);
    return {
      hrTime: time,
      hrTimeObserved: time,
      eventName: record.eventName,
      // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- SeverityNumber is OTLP's own number
      severityNumber: record.severityNumber ?? SEVERITY_INFO,
      body: record.body,
      attributes: record.attributes,
      droppedAttributesCount: 0,
      resource: resourceOf(record.resource),
      instrumentationScope: scope,
    };
  };
  return {
    url: target.url,
    async export(records): Promise<DeliveryOutcome> {
      let body: Uint8Array;
      try {
        body = codec.encode(records.map(toLogRecord));
      } catch (error) {
        // A value that cannot be written: a smaller batch finds the record.
        return { ok: false, kind: 'refused', message: `the records cannot be encoded: ${String(error)}` };
      }
      return readOutcome(await sender.send(body), target.url, (answer) => codec.partial(answer));
    },
    shutdown() {
      sender.destroy();
      return Promise.resolve();
    },
  };
}

/** Seconds and nanoseconds; milliseconds may have a fraction. */
export function toHrTime(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000);
  const nanoseconds = Math.round((milliseconds - seconds * 1000) * 1e6);
  return nanoseconds >= 1e9 ? [seconds + 1, 0] : [seconds, nanoseconds];
}
