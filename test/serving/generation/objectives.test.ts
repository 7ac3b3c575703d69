import { diag } from '@opentelemetry/api';
import { beforeEach, describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { meetsObjectives } from '../../../src/serving/generation/objectives.ts';
import {
  configureServing,
  resetServingSettings,
  servingSettings,
} from '../../../src/serving/generation/settings.ts';
import { startGeneration } from '../../../src/serving/generation/start.ts';
import { newModel, total } from './recorded.ts';

beforeEach(() => resetServingSettings({}));

const objectives = { timeToFirstToken: 500, timePerOutputToken: 50, requestDuration: 10_000 };
const good = {
  outcome: 'completed',
  duration: 1000,
  timeToFirstToken: 500,
  timePerOutputToken: 50,
} as const;

describe('objectives', () => {
  it('are met by a request that is at or below every one', () => {
    expect(meetsObjectives(objectives, good)).toBe(true);
    expect(meetsObjectives(objectives, { ...good, outcome: 'length' })).toBe(true);
  });
  it('are missed by a request that is above any one', () => {
    expect(meetsObjectives(objectives, { ...good, timeToFirstToken: 501 })).toBe(false);
    expect(meetsObjectives(objectives, { ...good, timePerOutputToken: 51 })).toBe(false);
    expect(meetsObjectives(objectives, { ...good, duration: 10_001 })).toBe(false);
  });
  it('are missed by an error', () => {
    expect(meetsObjectives(objectives, { ...good, outcome: 'error' })).toBe(false);
  });
  it('do not hold against a request what it has no value for', () => {
    expect(
      meetsObjectives(objectives, {
        ...good,
        timeToFirstToken: undefined,
        timePerOutputToken: undefined,
      }),
    ).toBe(true);
  });
  it('count a request that was given up only when one had been missed by then', () => {
    const aborted = { ...good, outcome: 'aborted', timePerOutputToken: undefined } as const;
    expect(meetsObjectives(objectives, { ...aborted, timeToFirstToken: 100 })).toBeUndefined();
    expect(meetsObjectives(objectives, { ...aborted, timeToFirstToken: 600 })).toBe(false);
    expect(
      meetsObjectives(objectives, { ...aborted, timeToFirstToken: undefined, duration: 400 }),
    ).toBeUndefined();
    expect(meetsObjectives(objectives, { ...aborted, timeToFirstToken: undefined, duration: 600 })).toBe(
      false,
    );
  });
  it('are counted on the metric only when configured', () => {
    const model = newModel();
    startGeneration({ model }).end();
    expect(total(METRIC.sloRequests, model)).toBe(0);
    configureServing({ slo: { timeToFirstToken: '500ms' } });
    startGeneration({ model }).end();
    startGeneration({ model }).fail(new Error('x'));
    expect(total(METRIC.sloRequests, model, { [ATTR.sloMet]: true })).toBe(1);
    expect(total(METRIC.sloRequests, model, { [ATTR.sloMet]: false })).toBe(1);
    configureServing({ slo: null });
    startGeneration({ model }).end();
    expect(total(METRIC.sloRequests, model)).toBe(2);
  });
});

describe('settings', () => {
  it('come from the environment', () => {
    resetServingSettings({
      LLM_OTEL_SLO_TTFT: '500ms',
      LLM_OTEL_SLO_TPOT: '0.05s',
      LLM_OTEL_SLO_DURATION: '10s',
      LLM_OTEL_MAX_GENERATION: '1m',
      LLM_OTEL_PROVIDER_NAME: 'vllm',
      LLM_OTEL_MODEL_RUN_ID: 'r',
      LLM_OTEL_CAPTURE_CONTENT: 'true',
    });
    expect(servingSettings()).toEqual({
      provider: 'vllm',
      modelRunId: 'r',
      captureContent: true,
      maxGeneration: 60_000,
      objectives,
    });
  });
  it('fall back when a variable cannot be read, and say so', () => {
    const warned: string[] = [];
    const warn = (message: string) => void warned.push(message);
    diag.setLogger({ error: warn, warn, info: () => {}, debug: () => {}, verbose: () => {} });
    resetServingSettings({
      LLM_OTEL_SLO_TTFT: 'soon',
      LLM_OTEL_MAX_GENERATION: '-3',
      LLM_OTEL_CAPTURE_CONTENT: 'maybe',
    });
    diag.disable();
    expect(servingSettings().objectives).toBeUndefined();
    expect(servingSettings().maxGeneration).toBe(600_000);
    expect(servingSettings().captureContent).toBe(false);
    for (const fault of ['SLO_TTFT="soon"', 'MAX_GENERATION="-3"', 'CAPTURE_CONTENT="maybe"'])
      expect(warned.join('\n')).toContain(`LLM_OTEL_${fault}`);
  });
  it('refuse a wrong duration from code and keep what was', () => {
    configureServing({ slo: { requestDuration: 10_000 } });
    expect(() => configureServing({ slo: { requestDuration: 'soon' } })).toThrow(
      /slo\.requestDuration.*500ms.*"soon"/,
    );
    expect(servingSettings().objectives).toEqual({ requestDuration: 10_000 });
  });
});
