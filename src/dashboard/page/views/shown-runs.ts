import { computed } from '@preact/signals';
import type { RunSummary } from '../../../conventions/hub-api.ts';
import { runs, runsById } from '../data/hub.ts';
import { orderRuns } from '../series/run-order.ts';
import { address } from '../state/view.ts';

/** The runs in the charts: those selected that the hub knows, else the one that runs now or ran last. */
export const shownRuns = computed<RunSummary[]>(() => {
  const selected = address.value.runs.map((id) => runsById.value.get(id)).filter((run) => run !== undefined);
  return selected.length > 0 ? selected : orderRuns(runs.value).slice(0, 1);
});
