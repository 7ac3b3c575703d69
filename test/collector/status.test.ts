import { describe, expect, it } from 'vitest';
import { changes } from '../../src/collector/run/collector.ts';
import { readExposition } from '../../src/collector/run/exposition.ts';
import { type CollectorReading, readCollector } from '../../src/collector/run/reading.ts';
import { destinationStatus } from '../../src/collector/run/status.ts';

const MIB = 1024 * 1024;
interface Facts {
  size?: number;
  capacity?: number;
  sent?: number;
  failed?: number;
  overflowed?: number;
}
/** A reading of one destination, as the Collector would give it. */
const reading = ({
  size = 0,
  capacity = 256 * MIB,
  sent = 0,
  failed = 0,
  overflowed = 0,
}: Facts): CollectorReading =>
  readCollector(
    readExposition(
      [
        '# TYPE otelcol_exporter_queue_size gauge',
        `otelcol_exporter_queue_size{data_type="traces",exporter="otlp_http/mlflow"} ${size}`,
        `otelcol_exporter_queue_capacity{data_type="traces",exporter="otlp_http/mlflow"} ${capacity}`,
        `otelcol_exporter_sent_spans{exporter="otlp_http/mlflow"} ${sent}`,
        `otelcol_exporter_send_failed_spans_total{error="a \\"b\\"",exporter="otlp_http/mlflow"} ${failed}`,
        `otelcol_exporter_enqueue_failed_spans{exporter="otlp_http/mlflow"} ${overflowed}`,
        'otelcol_exporter_sent_spans{exporter="nop/none"} 5',
      ].join('\n'),
    ),
  );
const state = (now: Facts, before?: Facts) => {
  const [status, ...others] = destinationStatus(reading(now), before && reading(before));
  expect(others).toEqual([]);
  return status;
};

describe('how a destination does', () => {
  it.each([
    ['delivering', { sent: 1200 }, { sent: 0 }, '1,200 items arrived'],
    ['idle', { sent: 1200 }, { sent: 1200 }, 'nothing to send'],
    ['behind', { size: 12 * MIB, sent: 5 }, { sent: 5 }, 'nothing arrives; 12 MiB wait in its queue (5 %)'],
    [
      'behind',
      { size: 12 * MIB, sent: 9 },
      { size: 20 * MIB, sent: 5 },
      'catching up: 4 items arrived, 12 MiB wait',
    ],
    [
      'full',
      { size: 200 * MIB, sent: 5 },
      { sent: 5 },
      'its queue is 78 % full (200 MiB), and nothing arrives',
    ],
    ['losing', { size: 256 * MIB, overflowed: 40 }, {}, 'its queue is full (100 %): 40 items found no room'],
    ['refused', { failed: 7, sent: 3 }, {}, 'it refused 7 items for good'],
    // What happened before is over.
    [
      'delivering',
      { sent: 10, failed: 7, overflowed: 2 },
      { sent: 5, failed: 7, overflowed: 2 },
      '5 items arrived',
    ],
    // A Collector that was started again counts from zero.
    ['delivering', { sent: 3 }, { sent: 1000 }, '3 items arrived'],
    // A queue of requests, as remote write has it.
    [
      'behind',
      { size: 12, capacity: 200, sent: 5 },
      { sent: 5 },
      'nothing arrives; 12 requests wait in its queue (6 %)',
    ],
  ] as const)('%s: %j after %j', (expected, now, before, message) => {
    const status = state(now, before);
    expect(status).toMatchObject({ destination: 'mlflow', state: expected });
    expect(status?.message).toContain(message);
  });

  it('takes the three files for one destination, and leaves what the base brings out', () => {
    const text = ['traces', 'metrics', 'logs'].map(
      (s, i) => `otelcol_exporter_sent_spans{exporter="file/${s}"} ${i + 1}`,
    );
    const now = readCollector(
      readExposition([...text, 'otelcol_exporter_sent_spans{exporter="nop/none"} 9'].join('\n')),
    );
    expect(destinationStatus(now)).toMatchObject([{ destination: 'file', sent: 6, queueFill: null }]);
  });
});

describe('what is worth a line', () => {
  it('is new trouble, loss that goes on, and the end of it', () => {
    const states = new Map<string, string>();
    const step = (now: Facts, before: Facts) =>
      changes(destinationStatus(reading(now), reading(before)), states).map(([level]) => level);
    expect(step({ sent: 1 }, {})).toEqual([]);
    expect(step({ size: 5 * MIB, sent: 1 }, { sent: 1 })).toEqual(['warn']);
    expect(step({ size: 9 * MIB, sent: 1 }, { size: 5 * MIB, sent: 1 })).toEqual([]);
    expect(step({ size: 256 * MIB, overflowed: 1 }, {})).toEqual(['warn']);
    expect(step({ size: 256 * MIB, overflowed: 2 }, { overflowed: 1 })).toEqual(['warn']);
    expect(step({ sent: 100, overflowed: 2 }, { sent: 1, overflowed: 2 })).toEqual(['info']);
    expect(step({ sent: 200, overflowed: 2 }, { sent: 100, overflowed: 2 })).toEqual([]);
  });
});

describe('the text of metrics', () => {
  it('is read with labels in any order, escapes and values that are no plain numbers', () => {
    expect(readExposition('a{x="1\\n\\"2\\"",y="}"} +Inf\n# HELP b\nb 1e3 1700000\n\nnonsense\n')).toEqual([
      { name: 'a', labels: { x: '1\n"2"', y: '}' }, value: Number.POSITIVE_INFINITY },
      { name: 'b', labels: {}, value: 1000 },
    ]);
  });
});
