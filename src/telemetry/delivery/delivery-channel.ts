import type { PartialSuccess } from './outcome.ts';
import { readOutcome } from './outcome.ts';
import type { EndpointHealth } from './endpoint-health.ts';
import type { DeliveryOutcome } from '../event-exporter.ts';
import type { OtlpSender } from './otlp-sender.ts';

/** One signal's way to its receiver: posts a body, tells the outcome, and keeps the receiver's health up to date. */
export class DeliveryChannel {
  readonly #sender: OtlpSender;
  readonly #partial: (body: Uint8Array) => PartialSuccess | undefined;
  readonly #health: EndpointHealth | undefined;

  constructor(
    sender: OtlpSender,
    partial: (body: Uint8Array) => PartialSuccess | undefined,
    health?: EndpointHealth,
  ) {
    this.#sender = sender;
    this.#partial = partial;
    this.#health = health;
  }

  async deliver(body: Uint8Array): Promise<DeliveryOutcome> {
    const outcome = readOutcome(await this.#sender.send(body), this.#sender.target.url, this.#partial);
    const { signal } = this.#sender.target;
    if (outcome.ok) this.#health?.succeeded(signal);
    else if (outcome.kind === 'refused') {
      // It answers, whatever it says.
      this.#health?.succeeded(signal);
      this.#health?.refused(outcome.message);
    } else this.#health?.failed(signal, outcome.message);
    return outcome;
  }

  destroy(): void {
    this.#sender.destroy();
  }
}
