import { describe, expect, it } from 'vitest';
import { CATALOGUE, METRIC } from '../../src/conventions/index.ts';
import { InstrumentRegistry } from '../../src/telemetry/index.ts';
import { gaugeDefinition, RunInstruments } from '../../src/training/instruments.ts';
import { KeyStates } from '../../src/training/values/key-state.ts';

describe('the gauge of a key', () => {
  it('is the one that the catalogue names, with its unit', () => {
    for (const { key, unit, source } of CATALOGUE) {
      if (source.from !== 'run') continue;
      expect(gaugeDefinition(key)).toMatchObject({ name: source.metric, unit, kind: 'gauge' });
    }
  });

  it.each([
    ['train/mfu', 'llm.training.mfu'],
    ['val/rouge', 'llm.training.validation.rouge'],
    ['dpo/kl', 'llm.training.dpo.kl'],
    ['lora/rank', 'llm.training.lora.rank'],
    ['reward', 'llm.training.custom.reward'],
    ['my/own key', 'llm.training.custom.my.own_key'],
    ['train/steps', 'llm.training.steps.value'],
  ])('%s is %s', (key, name) => {
    expect(gaugeDefinition(key).name).toBe(name);
  });

  it('never has the name of another instrument, and is a name that OpenTelemetry accepts', () => {
    const taken = new Set<string>(Object.values(METRIC).map(({ name }) => name));
    for (const key of [
      'train/tokens',
      'train/samples',
      'train/step.duration',
      `x${'y'.repeat(500)}`,
      'ä/ö',
    ]) {
      const { name } = gaugeDefinition(key);
      expect(taken.has(name)).toBe(false);
      expect(name).toMatch(/^[A-Za-z][A-Za-z0-9_.\-/]{0,254}$/);
    }
  });

  it('is not made for ever more keys', () => {
    const registry = new InstrumentRegistry();
    const instruments = new RunInstruments(registry, 'r', 0);
    let told = 0;
    const keys = new KeyStates(
      (key) => instruments.gauge(key),
      () => told++,
    );
    for (let i = 0; i < 1200; i++) keys.get(`key${i}`).gauge.set(i);
    expect(told).toBe(200);
    expect(registry.byName('llm.training.custom.key999')).toHaveLength(1);
    expect(registry.byName('llm.training.custom.key1000')).toHaveLength(0);
  });
});
