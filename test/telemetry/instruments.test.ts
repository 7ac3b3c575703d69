import { describe, expect, it } from 'vitest';
import type { MetricDefinition } from '../../src/conventions/index.ts';
import { InstrumentProducer } from '../../src/telemetry/instruments/producer.ts';
import { InstrumentRegistry } from '../../src/telemetry/instruments/registry.ts';

const define = (kind: MetricDefinition['kind'], buckets?: number[]): MetricDefinition => ({
  name: `test.${kind}`,
  kind,
  unit: '1',
  description: 'a test',
  ...(buckets ? { buckets } : {}),
});

async function collect(producer: InstrumentProducer) {
  const { resourceMetrics, errors } = await producer.collect();
  const points = new Map<string, { attributes: unknown; value: unknown }[]>();
  for (const scope of resourceMetrics.scopeMetrics)
    for (const metric of scope.metrics)
      points.set(
        metric.descriptor.name,
        metric.dataPoints.map((p) => ({ attributes: p.attributes, value: p.value })),
      );
  return { points, errors };
}

describe('bound instruments', () => {
  it('gives the same series for the same attributes in any order', () => {
    const counter = new InstrumentRegistry().counter(define('counter'), 's');
    expect(counter.bind({ a: '1', b: 2 })).toBe(counter.bind({ b: 2, a: '1' }));
    expect(counter.bind({ a: '1' })).not.toBe(counter.bind({ a: 1 }));
  });

  it('puts a value on a bound into the bucket below it, as OpenTelemetry asks', async () => {
    const registry = new InstrumentRegistry();
    const series = registry.histogram(define('histogram', [1, 2, 5]), 's').bind();
    for (const value of [0.5, 1, 1.5, 2, 5, 5.1, Number.NaN]) series.record(value);
    const { points } = await collect(new InstrumentProducer({ registry }));
    expect(points.get('test.histogram')?.[0]?.value).toMatchObject({
      buckets: { boundaries: [1, 2, 5], counts: [2, 2, 1, 1] },
      count: 6,
      min: 0.5,
      max: 5.1,
    });
  });

  it('does not export a series again after it was removed, in cumulative mode too', async () => {
    const registry = new InstrumentRegistry();
    const gauge = registry.gauge(define('gauge'), 's');
    const one = gauge.bind({ run: 'one' });
    gauge.bind({ run: 'two' }).set(2);
    one.set(1);
    const producer = new InstrumentProducer({ registry });
    expect((await collect(producer)).points.get('test.gauge')).toHaveLength(2);
    gauge.remove(one);
    expect((await collect(producer)).points.get('test.gauge')).toEqual([
      { attributes: { run: 'two' }, value: 2 },
    ]);
  });

  it('keeps NaN in a gauge, and exports no gauge that was never set', async () => {
    const registry = new InstrumentRegistry();
    const gauge = registry.gauge(define('gauge'), 's');
    gauge.bind({ never: 'set' });
    gauge.bind({ loss: 'nan' }).set(Number.NaN);
    const { points } = await collect(new InstrumentProducer({ registry }));
    expect(points.get('test.gauge')).toEqual([{ attributes: { loss: 'nan' }, value: Number.NaN }]);
  });

  it('gives each delta producer its own differences', async () => {
    const registry = new InstrumentRegistry();
    const counter = registry.counter(define('counter'), 's').bind();
    const first = new InstrumentProducer({ registry, temporality: 'delta' });
    const second = new InstrumentProducer({ registry, temporality: 'delta' });
    counter.add(3);
    expect((await collect(first)).points.get('test.counter')?.[0]?.value).toBe(3);
    counter.add(4);
    expect((await collect(first)).points.get('test.counter')?.[0]?.value).toBe(4);
    expect((await collect(second)).points.get('test.counter')?.[0]?.value).toBe(7);
  });

  it('ignores what a counter cannot take', () => {
    const series = new InstrumentRegistry().counter(define('counter'), 's').bind();
    for (const amount of [-1, Number.NaN, Infinity, 2]) series.add(amount);
    expect(series.value).toBe(2);
  });

  it('joins attribute sets beyond the limit under otel.metric.overflow', async () => {
    const registry = new InstrumentRegistry();
    const counter = registry.counter(define('counter'), 's');
    for (let i = 0; i < 2003; i++) counter.bind({ id: i }).add(1);
    const points = (await collect(new InstrumentProducer({ registry }))).points.get('test.counter') ?? [];
    expect(points).toHaveLength(2001);
    expect(points.find((p) => JSON.stringify(p.attributes) === '{"otel.metric.overflow":true}')?.value).toBe(
      3,
    );
  });

  it('reports what an observer throws and still runs the others', async () => {
    const registry = new InstrumentRegistry();
    const gauge = registry.gauge(define('gauge'), 's').bind();
    registry.onCollect(() => {
      throw new Error('broken reader');
    });
    registry.onCollect(() => gauge.set(7));
    const { points, errors } = await collect(new InstrumentProducer({ registry }));
    expect(String(errors[0])).toContain('broken reader');
    expect(points.get('test.gauge')?.[0]?.value).toBe(7);
  });
});
