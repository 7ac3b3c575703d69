/** A real MLflow server behind a real Collector: what it shows of the demonstration's requests. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCollector, neededComponents, planCollector } from '../../src/collector/index.ts';
import { demonstrate } from './collector/demonstration.ts';
import { MlflowServer } from './mlflow/server.ts';
import { realPythonOrSkip } from './python-environment.ts';

const { found } = await findCollector({
  env: process.env,
  needed: neededComponents(planCollector({ destinations: ['hub', 'file', 'mlflow'] }).sources),
});
if (!found)
  process.stderr.write('skipped: MLflow behind a Collector: no Collector ($OTELCOL, PATH, cache)\n');
const python = found && realPythonOrSkip('MLflow behind a Collector');

interface Trace {
  trace_id: string;
  state: string;
  trace_metadata?: Record<string, string>;
  tags?: Record<string, string>;
}

describe.skipIf(!python)('MLflow behind a Collector', () => {
  it('shows the requests of the demonstration with model, tokens and the run', {
    timeout: 300_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llm-otel-mlflow-'));
    mkdirSync(join(folder, 'server'));
    const mlflow = await MlflowServer.start(python as string, join(folder, 'server'));
    try {
      const { run } = (await mlflow.post('runs/create', { experiment_id: '0', run_name: 'serving' })) as {
        run: { info: { run_id: string } };
      };
      const printed = await demonstrate(
        found?.path ?? '',
        join(folder, 'demo'),
        ['--destinations', 'hub,file,mlflow'],
        { MLFLOW_TRACKING_URI: mlflow.url, MLFLOW_EXPERIMENT_ID: '0', MLFLOW_RUN_ID: run.info.run_id },
      );
      expect(printed).toContain('every count is the same at both ends');
      const trained = /; run (\w+)/.exec(printed)?.[1];

      const traces = await search(mlflow.url, '0');
      const generations = traces.filter(
        ({ trace_metadata: data }) => data?.['mlflow.trace.tokenUsage'] !== undefined,
      );
      // Some of the sixteen were wrong, and reached no model; some were given up before they had tokens.
      expect(generations.length).toBeGreaterThan(8);
      for (const trace of generations) {
        const usage = JSON.parse(trace.trace_metadata?.['mlflow.trace.tokenUsage'] ?? '{}') as Record<
          string,
          number
        >;
        expect(usage['input_tokens']).toBeGreaterThan(0);
      }
      const [first] = generations;
      const reply = await fetch(`${mlflow.url}/api/3.0/mlflow/traces/get?trace_id=${first?.trace_id ?? ''}`);
      const whole = await reply.text();
      expect(whole).toContain('char-lm');
      expect(whole).toContain('gen_ai.request.model');
      // The training run that made the model, and the run that the Collector was told.
      expect(whole).toContain(trained);
      const idsOf = (list: readonly Trace[]) => new Set(list.map(({ trace_id: id }) => id));
      const linked = await search(mlflow.url, '0', `attributes.run_id = '${run.info.run_id}'`);
      expect(idsOf(linked)).toEqual(idsOf(traces));
    } finally {
      await mlflow.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

async function search(url: string, experiment: string, filter?: string): Promise<Trace[]> {
  const response = await fetch(`${url}/api/3.0/mlflow/traces/search`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      locations: [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: experiment } }],
      max_results: 100,
      filter,
    }),
  });
  const body = (await response.json()) as { traces?: Trace[] };
  if (!response.ok) throw new Error(`traces/search: ${response.status} ${JSON.stringify(body)}`);
  return body.traces ?? [];
}
