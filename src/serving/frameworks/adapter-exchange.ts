import { context, type Context, diag, trace } from '@opentelemetry/api';
import type { ExchangeObserver, ObservedRequest, ObserveExchange } from '../http/exchange-observer.ts';
import { foreignScopes, type RequestScope } from '../http/request-scope.ts';

/**
 * An exchange that only a framework adapter sees, whatever its messages are made of: the scope of its request, and the
 * observer of its bytes, which may stand back or fail without harm to the exchange.
 */
export abstract class AdapterExchange implements ObservedRequest, RequestScope {
  abstract readonly method: string;
  abstract readonly path: string;
  readonly startTime = performance.now();
  readonly context: Context = context.active();
  readonly span = trace.getActiveSpan();
  route?: string;
  #observer: ExchangeObserver | undefined;
  #explicit = false;

  abstract requestHeader(name: string): string | undefined;

  /** Is there somebody to tell? */
  get observed(): boolean {
    return this.#observer !== undefined;
  }
  get explicitGeneration(): boolean {
    return this.#explicit;
  }
  set explicitGeneration(value: boolean) {
    this.#explicit = value;
    if (!value) return;
    this.tell((observer) => observer.standBack());
    this.forget();
  }
  /** Runs the rest of the request, so that a generation started in it finds the request. */
  run<T>(work: () => T): T {
    return foreignScopes.run(this, work);
  }

  /** To be called once method and path are known. */
  protected observe(give: ObserveExchange): void {
    this.#observer = give(this);
  }
  /** Nobody is to be told anything more. */
  protected forget(): void {
    this.#observer = undefined;
  }
  protected tell(what: (observer: ExchangeObserver) => void): void {
    if (!this.#observer) return;
    try {
      what(this.#observer);
    } catch (error) {
      this.#observer = undefined;
      diag.warn(`llm-otel: reading an exchange failed; its generation is not recorded: ${String(error)}`);
    }
  }
}
