import { loadError, loaded, reload, runs, tiles } from '../data/hub.ts';
import { address } from '../state/view.ts';
import { Header } from './header.tsx';
import { Help } from './help.tsx';
import { HostCharts } from './host.tsx';
import { Onboarding } from './onboarding.tsx';
import { RunChartControls, RunCharts } from './run-charts.tsx';
import { RunList } from './run-list.tsx';
import { RunDetails, RunHead } from './run-panel.tsx';
import { RunProcesses } from './run-processes.tsx';
import { LatencyHistogram, LatencyPercentiles, Serving, Throughput } from './serving.tsx';
import { shownRuns } from './shown-runs.ts';
import { Tiles } from './tiles.tsx';
import { Traces } from './traces.tsx';

export function App() {
  const { view } = address.value;
  const error = loadError.value;
  return (
    <>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <Header />
      {error !== null && (
        <p class="banner bad" role="alert">
          {error}{' '}
          <button type="button" onClick={() => void reload()}>
            Try again
          </button>
        </p>
      )}
      <main id="content" class={`view-${view}`} data-loaded={loaded.value}>
        {loaded.value ? <View /> : <p class="empty muted">{error === null ? 'Reading …' : ''}</p>}
      </main>
      <Help />
    </>
  );
}

function View() {
  switch (address.value.view) {
    case 'runs':
      return <Runs />;
    case 'serving':
      return <Serving />;
    case 'host':
      return (
        <>
          <h2 class="visually-hidden">Host</h2>
          <HostCharts height={220} />
        </>
      );
    case 'traces':
      return <Traces />;
    default:
      return <Overview />;
  }
}

function Overview() {
  const nothing = loaded.value && runs.value.length === 0 && tiles.value.every((tile) => tile.value === null);
  if (nothing) return <Onboarding />;
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      <Tiles />
      <div class="section-head">
        <h2>Training</h2>
        <span class="muted">{shownRuns.value.map((run) => run.name).join(', ')}</span>
        <span class="spacer" />
        <RunChartControls />
      </div>
      <div class="training">
        <RunList rows={30} height={258} />
        <RunCharts runs={shownRuns.value} only={2} height={230} />
      </div>
      <div class="section-head">
        <h2>Serving</h2>
      </div>
      <div class="grid thirds">
        <LatencyHistogram title="Latency" />
        <LatencyPercentiles />
        <Throughput />
      </div>
      <div class="section-head">
        <h2>Host</h2>
      </div>
      <HostCharts only={4} height={150} />
    </>
  );
}

function Runs() {
  const shown = shownRuns.value;
  const [first] = shown;
  return (
    <div class="runs-view">
      <RunList />
      <div class="run-view">
        <RunHead runs={shown} />
        {first !== undefined && (
          <>
            <RunChartControls />
            <RunCharts runs={shown} />
            {shown.length === 1 && <RunProcesses key={`processes ${first.id}`} run={first} />}
            {shown.length === 1 && <RunDetails key={first.id} run={first} />}
          </>
        )}
      </div>
    </div>
  );
}
