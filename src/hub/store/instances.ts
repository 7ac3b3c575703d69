import { ATTR } from '../../conventions/index.ts';
import type { OtlpRequest } from '../../otlp/model.ts';
import { textOf } from './attributes.ts';

/** Newest arrival of anything by `service.instance.id`: a run whose process still reports is not interrupted. */
export class Instances {
  readonly seen = new Map<string, number>();

  note(request: OtlpRequest, arrival: number): void {
    const items =
      request.signal === 'metrics'
        ? request.resourceMetrics
        : request.signal === 'traces'
          ? request.resourceSpans
          : request.resourceLogs;
    for (const { resource } of items) {
      const id = textOf(resource.attributes[ATTR.serviceInstanceId]);
      if (id !== undefined) this.seen.set(id, Math.max(arrival, this.seen.get(id) ?? 0));
    }
  }

  /** Forgets what came before `time`: it can make no run alive any more. */
  forget(time: number): void {
    for (const [id, seen] of this.seen) if (seen < time) this.seen.delete(id);
  }
}
