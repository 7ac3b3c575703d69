import { BatchQueue } from './batch-queue.ts';
import { DeliveryChannel } from './delivery-channel.ts';
import type { DropCounter } from '../dropped.ts';
import type { EndpointHealth } from './endpoint-health.ts';
import type { DeliveryOutcome } from '../event-exporter.ts';
import type { OtlpCodec } from './otlp-codec.ts';
import { OtlpSender } from './otlp-sender.ts';
import type { QueueSettings } from '../settings/signal-settings.ts';
import type { OtlpTarget } from '../settings/target.ts';

export interface PipelineOptions<T> {
  readonly target: OtlpTarget;
  readonly settings: QueueSettings;
  readonly partial: OtlpCodec<never>['partial'];
  /** May wait, for a resource that is not complete yet. */
  readonly encode: (batch: T[]) => Uint8Array | Promise<Uint8Array>;
  /** Items that an entry of the queue stands for, for the counts. Default 1. */
  readonly count?: (entry: T) => number;
  readonly whenFull?: 'new' | 'oldest';
  readonly drops: DropCounter;
  readonly health: EndpointHealth;
}

/** One signal from its queue to its receiver. */
export class ExportPipeline<T> {
  readonly target: OtlpTarget;
  readonly queue: BatchQueue<T>;
  readonly #channel: DeliveryChannel;

  constructor(options: PipelineOptions<T>) {
    const { settings, drops, health, count } = options;
    const timeoutMs = Math.min(options.target.timeoutMs, settings.exportTimeoutMs);
    this.target = { ...options.target, timeoutMs };
    const channel = new DeliveryChannel(
      new OtlpSender(this.target, { background: true }),
      options.partial,
      health,
    );
    this.#channel = channel;
    this.queue = new BatchQueue<T>({
      maxQueueSize: settings.maxQueueSize,
      maxBatchSize: settings.maxBatchSize,
      delayMs: settings.delayMs,
      ...(options.whenFull && { whenFull: options.whenFull }),
      drop: (reason, entries) => {
        let items = entries.length;
        if (count) {
          items = 0;
          for (const entry of entries) items += count(entry);
        }
        drops.add(this.target.signal, reason, items);
      },
      send: async (batch): Promise<DeliveryOutcome> => {
        let body: Uint8Array;
        try {
          body = await options.encode(batch);
        } catch (error) {
          const message = `a batch of ${this.target.signal} cannot be encoded: ${String(error)}`;
          health.refused(message);
          return { ok: false, kind: 'refused', message };
        }
        return channel.deliver(body);
      },
    });
  }

  /** Gives up what is left and breaks off what is under way. */
  close(): void {
    this.queue.close();
    this.#channel.destroy();
  }
}
