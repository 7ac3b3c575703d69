import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ATTR } from '../../../src/conventions/index.ts';
import { startTestRun } from '../../training/starting.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { MlflowStandIn } from '../mlflow/mlflow-server.ts';

const exporter = new InMemorySpanExporter();
let standIn: MlflowStandIn;
beforeAll(async () => {
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  standIn = await MlflowStandIn.start();
});
afterAll(async () => {
  trace.disable();
  await standIn.server.close();
});

it("a run's spans tell its experiment and run in MLflow, and forwarding makes no spans of its own", async () => {
  const { run } = await startTestRun({
    journalDir: temporaryFolder(),
    exporter: false,
    trackers: [{ platform: 'mlflow', trackingUri: standIn.url }],
  });
  await run.flush();
  run.phase('validation', () => {});
  await run.finish();
  const spans = exporter.getFinishedSpans();
  expect(spans.map(({ name }) => name)).toEqual(['validation']);
  expect(spans[0]?.attributes).toMatchObject({
    [ATTR.runId]: run.id,
    [ATTR.mlflowExperimentId]: '7',
    [ATTR.mlflowRunId]: 'm0',
  });
});
