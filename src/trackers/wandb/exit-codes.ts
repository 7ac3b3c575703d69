import type { RunEndStatus } from '../../conventions/index.ts';

/** W&B knows a run's end by its exit code: 0 is finished, 255 (what its client gives on Ctrl-C) killed, else failed. */
export const EXIT_CODES: Readonly<Record<RunEndStatus, number>> = { finished: 0, failed: 1, killed: 255 };
