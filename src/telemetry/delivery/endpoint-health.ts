/** A line about an outage that goes on is repeated after this time. */
const REPEAT_MS = 60_000;

export interface EndpointHealthOptions {
  /** Base URL without credentials. */
  readonly name: string;
  /** Items lost until now. */
  readonly lost: () => number;
  readonly log: (message: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Turns the results of many exports into few lines: one when the receiver fails, one a minute while it lasts, one
 * when it answers again, each with since when and how much was lost. Signals that fail together, or one after the
 * other, are one outage; it is over when each of them has got through.
 */
export class EndpointHealth {
  readonly #options: EndpointHealthOptions;
  readonly #failing = new Set<string>();
  #since: number | undefined;
  #lostBefore = 0;
  #nextLine = 0;
  #nextRefusal = 0;
  #refusals = 0;

  constructor(options: EndpointHealthOptions) {
    this.#options = options;
  }

  /** The receiver did not take a request; the data is kept. `message` names the receiver. */
  failed(signal: string, message: string): void {
    this.#failing.add(signal);
    const { now, lost, log } = this.#options;
    const time = now();
    if (this.#since === undefined) {
      this.#since = time;
      this.#lostBefore = lost();
      this.#nextLine = time + REPEAT_MS;
      log(
        `${message}. What is recorded is kept up to the limits of its queues and sent when it answers again.`,
      );
    } else if (time >= this.#nextLine) {
      this.#nextLine = time + REPEAT_MS;
      log(`${message}; so since ${clock(this.#since)} (${span(time - this.#since)}), ${this.#loss()}`);
    }
  }

  /** The receiver said that a request was bad, or rejected a part of it; that part is lost. */
  refused(message: string): void {
    this.#refusals++;
    const time = this.#options.now();
    if (time < this.#nextRefusal) return;
    this.#nextRefusal = time + REPEAT_MS;
    const more = this.#refusals > 1 ? ` (${this.#refusals} times since the last line)` : '';
    this.#refusals = 0;
    this.#options.log(`${message}${more}; this data is lost`);
  }

  succeeded(signal: string): void {
    if (!this.#failing.delete(signal) || this.#failing.size > 0 || this.#since === undefined) return;
    const duration = span(this.#options.now() - this.#since);
    this.#since = undefined;
    this.#options.log(`${this.#options.name} answers again after ${duration}, ${this.#loss()}`);
  }

  #loss(): string {
    const lost = this.#options.lost() - this.#lostBefore;
    return lost === 0 ? 'nothing lost' : `${lost} items lost meanwhile (the queues were full)`;
  }
}

const clock = (time: number): string => new Date(time).toISOString().slice(11, 19).concat('Z');

function span(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
