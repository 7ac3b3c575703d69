import type { LogRecord, LogsRequest } from '../../otlp/model.ts';
import { attributesToJson, toJson } from './attributes.ts';
import type { Resources } from './resources.ts';
import type { Rows } from './rows.ts';
import { isRunEvent, millisOf } from './runs/run-record.ts';
import type { RunsIngest } from './runs/runs-ingest.ts';
import type { Tally } from './tally.ts';

/**
 * Log records: those of runs go to the runs, all others become rows. A row's key is the place of its record in
 * the journal, so that a replay after a crash writes it once.
 */
export class EventsIngest {
  readonly #rows: Rows;
  readonly #resources: Resources;
  readonly #runs: RunsIngest;
  readonly #tally: Tally;

  constructor(rows: Rows, resources: Resources, runs: RunsIngest, tally: Tally) {
    this.#rows = rows;
    this.#resources = resources;
    this.#runs = runs;
    this.#tally = tally;
  }

  /** Adds the ids of runs that changed to `changed`. */
  apply(request: LogsRequest, sequence: number, arrival: number, changed: Set<string>): void {
    let item = 0;
    for (const { resource, scopeLogs } of request.resourceLogs) {
      for (const { logRecords } of scopeLogs) {
        for (const record of logRecords) {
          item++;
          if (isRunEvent(record) && this.#runs.apply(record, resource.attributes, arrival, changed)) continue;
          this.#event(record, this.#resources.get(resource.attributes).id, sequence, item, arrival);
        }
      }
    }
  }

  #event(record: LogRecord, resource: number, sequence: number, item: number, arrival: number): void {
    this.#rows.begin();
    const nanos = record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano;
    const time = nanos === 0n ? arrival : millisOf(nanos);
    const body = JSON.stringify(toJson(record.body ?? null));
    const attributes = JSON.stringify(attributesToJson(record.attributes));
    // OTLP gives a log record no identity. One that another request brought with the same time and content is a
    // resend; two alike within a request are two.
    const { changes } = this.#rows
      .sql(
        'INSERT INTO event (sequence, item, time, name, severity, severity_text, body, attributes, trace, span, resource) ' +
          'SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM event WHERE name = ? AND time = ? ' +
          'AND sequence <> ? AND resource = ? AND severity = ? AND body = ? AND attributes = ? AND trace = ? AND span = ?) ' +
          'ON CONFLICT DO NOTHING',
      )
      .run(
        sequence,
        item,
        time,
        record.eventName,
        record.severityNumber,
        record.severityText,
        body,
        attributes,
        record.traceId,
        record.spanId,
        resource,
        record.eventName,
        time,
        sequence,
        resource,
        record.severityNumber,
        body,
        attributes,
        record.traceId,
        record.spanId,
      );
    if (Number(changes) === 0) this.#tally.duplicates.logRecords++;
    else this.#tally.appended.logRecords++;
  }
}
