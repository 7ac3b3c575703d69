import type { RunSummary } from '../../../conventions/hub-api.ts';
import { api } from '../data/api.ts';
import { metricOf } from '../data/catalogue.ts';
import { useQuery } from '../data/query.ts';
import { KeyChart } from './metric-chart.tsx';

/** Of the processes of a run, those that they started among them. */
const CHARTS = [
  { title: 'CPU', key: 'process/cpu_percent' },
  { title: 'Memory', key: 'process/memory_rss_gb' },
  { title: 'Child processes', key: 'process/children' },
] as const;

/**
 * CPU, memory and children of the run's processes over its time, whether they were observed by themselves or from
 * outside (`llm-otel run`). Nothing where they were not observed.
 */
export function RunProcesses({ run }: { run: RunSummary }) {
  const over = { from: run.startedAt, to: run.status === 'running' ? null : (run.endedAt ?? run.updatedAt) };
  const { data: observed } = useQuery(`processes of ${run.id}`, true, async ({ to }, signal) => {
    const read = { name: metricOf('process/memory_rss_gb'), agg: 'value', where: {}, run: run.id } as const;
    const { series } = await api.metric(read, { from: over.from, to: over.to ?? to }, 4, signal);
    return series.length > 0;
  });
  if (observed !== true) return null;
  return (
    <section aria-label="Processes of the run">
      <div class="section-head">
        <h2>Processes</h2>
      </div>
      <div class="grid thirds">
        {CHARTS.map(({ title, key }) => (
          <KeyChart
            key={key}
            title={title}
            keys={[key]}
            run={run.id}
            over={over}
            height={150}
            empty="Not reported in this time."
          />
        ))}
      </div>
    </section>
  );
}
