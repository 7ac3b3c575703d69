import { describe, expect, it } from 'vitest';
import { METRIC } from '../../src/conventions/index.ts';
import { Published } from '../../src/observers/published.ts';
import { InstrumentProducer } from '../../src/telemetry/instruments/producer.ts';
import { InstrumentRegistry } from '../../src/telemetry/instruments/registry.ts';

const none = () => ({});
const registry = () => new InstrumentRegistry();

/** Values of `hw.power` and its statistics as a reader's export has them, and the seconds of their time. */
async function collected(producer: InstrumentProducer): Promise<Record<string, number>> {
  const { resourceMetrics } = await producer.collect();
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  return Object.fromEntries(
    metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints[0]?.value as number]),
  );
}
const values = (last: number, min: number, mean: number, max: number) => ({
  'hw.power': last,
  'hw.power.min': min,
  'hw.power.mean': mean,
  'hw.power.max': max,
});

describe('samples between two exports', () => {
  const sampleInto =
    (published: Published) =>
    (...watts: number[]) => {
      for (const value of watts) {
        published.begin();
        published.sampled(METRIC.hwPower, '', value, none);
        published.end();
      }
    };

  it('are told by their minimum, mean and maximum, so that no spike is missed', async () => {
    const instruments = registry();
    const sample = sampleInto(new Published(instruments, 'test'));
    const reader = new InstrumentProducer({ registry: instruments });
    sample(100, 700, 100);
    expect(await collected(reader)).toEqual(values(100, 100, 300, 700));
    sample(120, 140);
    expect(await collected(reader)).toEqual(values(140, 120, 130, 140));
  });

  it('are a gap where an export comes without a sample: another value at the time of the last one would contradict it', async () => {
    const instruments = registry();
    const sample = sampleInto(new Published(instruments, 'test'));
    const reader = new InstrumentProducer({ registry: instruments });
    sample(100, 700);
    expect(await collected(reader)).toEqual(values(700, 100, 400, 700));
    expect(await collected(reader)).toEqual({ 'hw.power': 700 });
    sample(200);
    expect(await collected(reader)).toEqual(values(200, 200, 200, 200));
  });

  it('are told whole to each of several readers', async () => {
    const instruments = registry();
    const sample = sampleInto(new Published(instruments, 'test'));
    const [often, seldom] = [0, 0].map(() => new InstrumentProducer({ registry: instruments }));
    if (!often || !seldom) throw new Error('two readers');
    sample(1);
    await collected(often);
    await collected(seldom);
    sample(900);
    expect(await collected(often)).toEqual(values(900, 900, 900, 900));
    sample(10);
    expect(await collected(often)).toEqual(values(10, 10, 10, 10));
    expect(await collected(seldom)).toEqual(values(10, 10, 455, 900));
  });

  it('vanish with their series, and leave nothing to ask for', async () => {
    const instruments = registry();
    const published = new Published(instruments, 'test');
    sampleInto(published)(1, 2);
    published.begin();
    published.end();
    const reader = new InstrumentProducer({ registry: instruments });
    expect(await collected(reader)).toEqual({});
    sampleInto(published)(5);
    published.clear();
    expect(await collected(reader)).toEqual({});
  });

  it('carry the time at which they were taken, not that of the export', async () => {
    const instruments = registry();
    const published = new Published(instruments, 'test');
    published.begin([1000, 500]);
    published.sampled(METRIC.hwPower, '', 1, none);
    published.total(METRIC.hwEnergy, '', 7, none, [900, 0]);
    published.end();
    const { resourceMetrics } = await new InstrumentProducer({ registry: instruments }).collect();
    const points = resourceMetrics.scopeMetrics.flatMap((scope) =>
      scope.metrics.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ startTime, endTime }) => [descriptor.name, startTime, endTime]),
      ),
    );
    expect(points).toContainEqual(['hw.power', [1000, 500], [1000, 500]]);
    expect(points).toContainEqual(['hw.power.max', [1000, 500], [1000, 500]]);
    expect(points).toContainEqual(['hw.energy', [900, 0], [1000, 500]]);
  });
});
