/** Whether a tracker's page asked for the run to stop. The program decides; its own callback is told, and cannot break anything. */
export class StopRequest {
  readonly #onStopRequested: ((reason: string, tracker: string) => void) | undefined;
  readonly #onBroken: (error: unknown) => void;
  made = false;

  constructor(
    onStopRequested: ((reason: string, tracker: string) => void) | undefined,
    onBroken: (error: unknown) => void,
  ) {
    this.#onStopRequested = onStopRequested;
    this.#onBroken = onBroken;
  }

  take(reason: string, tracker: string): void {
    this.made = true;
    try {
      this.#onStopRequested?.(reason, tracker);
    } catch (error) {
      this.#onBroken(
        new Error(`onStopRequested failed: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        }),
      );
    }
  }
}
