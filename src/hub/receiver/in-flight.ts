/** Bytes that all requests hold together, from their first byte to the answer. */
export class InFlight {
  /** Bytes held now. */
  held = 0;
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  lease(): Lease {
    return new Lease(this);
  }

  /** A request alone may always pass, whatever the limit says about it. */
  allows(size: number, own: number): boolean {
    return this.held === own || this.held + size <= this.limit;
  }
}

/** What one request holds. */
export class Lease {
  private readonly all: InFlight;
  private own = 0;

  constructor(all: InFlight) {
    this.all = all;
  }

  /** Whether that much more would be given now. */
  allows(size: number): boolean {
    return this.all.allows(size, this.own);
  }

  /** Takes more; false (and nothing taken) when that is over the limit of all. */
  grow(size: number): boolean {
    if (!this.all.allows(size, this.own)) return false;
    this.own += size;
    this.all.held += size;
    return true;
  }

  /** Grows to at least this size in total. */
  growTo(total: number): boolean {
    return total <= this.own || this.grow(total - this.own);
  }

  release(): void {
    this.all.held -= this.own;
    this.own = 0;
  }
}
