import type { RunSummary } from '../../../conventions/hub-api.ts';
import { catalogue } from '../data/catalogue.ts';
import { chartGroups } from '../series/chart-groups.ts';
import { MAX_SMOOTHING } from '../series/smoothing.ts';
import { address, go } from '../state/view.ts';
import { Choice } from './controls.tsx';
import { RunChart } from './run-chart.tsx';

/** Axis, scale and smoothing of all run charts. */
export function RunChartControls() {
  const { x, y, smooth } = address.value;
  return (
    <div class="controls">
      <Choice
        label="x axis"
        value={x}
        choices={['step', 'time', 'relative']}
        onChoose={(chosen) => go({ x: chosen, zoom: null })}
      />
      <Choice label="y axis" value={y} choices={['linear', 'log']} onChoose={(chosen) => go({ y: chosen })} />
      <label class="slider">
        <span>Smoothing</span>
        <input
          type="range"
          min={0}
          max={SLIDER_STEPS}
          step={1}
          value={toSlider(smooth)}
          aria-valuetext={smooth === 0 ? 'off' : String(smooth)}
          onInput={(event) => go({ smooth: fromSlider(Number(event.currentTarget.value)) })}
        />
        <output>{smooth === 0 ? 'off' : smooth.toFixed(3)}</output>
      </label>
    </div>
  );
}

/** The slider is finer near its end, where a small change matters: 1 - weight falls from 1 to 0.001 by equal ratios. */
const SLIDER_STEPS = 60;
const toSlider = (weight: number): number =>
  Math.round((Math.log(1 - weight) / Math.log(1 - MAX_SMOOTHING)) * SLIDER_STEPS);
const fromSlider = (position: number): number =>
  Number((1 - (1 - MAX_SMOOTHING) ** (position / SLIDER_STEPS)).toFixed(3));

/** Every key of the runs in small multiples; `only` limits them to the first few groups (overview). */
export function RunCharts({
  runs,
  only,
  height,
}: {
  runs: readonly RunSummary[];
  only?: number;
  height?: number;
}) {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.last)))];
  const groups = chartGroups(keys, catalogue.value).slice(0, only);
  if (groups.length === 0) return <p class="empty card">No step has been recorded yet.</p>;
  return (
    <div class="grid charts">
      {groups.map(({ title, keys: grouped }) => (
        <RunChart key={grouped.join()} title={title} keys={grouped} runs={runs} height={height} />
      ))}
    </div>
  );
}
