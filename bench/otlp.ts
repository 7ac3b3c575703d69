import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  InstrumentType,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { ValueType } from '@opentelemetry/api';
import { decodeRequest } from '../src/otlp/index.ts';
import { type BenchRow, benchRow, median } from './row.ts';

const SERIES = 1000;
const POINTS_PER_SERIES = 10;
const ROUNDS = 7;
const REPEATS = 20;

/** Decoding of number points: 1,000 interleaved series of three attributes, as OpenTelemetry JS writes them. */
export async function benchOtlp(): Promise<BenchRow[]> {
  const body = ProtobufMetricsSerializer.serializeRequest(payload());
  if (body === undefined) throw new Error('the serializer gave nothing');
  const points = SERIES * POINTS_PER_SERIES;
  const nanoseconds: number[] = [];
  const megabytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < REPEATS; i++) decodeRequest('metrics', 'application/x-protobuf', body);
    const ms = performance.now() - start;
    nanoseconds.push((ms * 1e6) / (REPEATS * points));
    megabytes.push((body.length * REPEATS) / ms / 1e3);
  }
  return [
    benchRow({
      name: 'otlp.decode_ns_per_point',
      value: median(nanoseconds),
      unit: 'ns',
      goal: null,
      better: 'lower',
    }),
    benchRow({
      name: 'otlp.decode_mb_per_s',
      value: median(megabytes),
      unit: 'MB/s',
      goal: null,
      better: 'higher',
    }),
  ];
}

function payload(): ResourceMetrics {
  const dataPoints = [];
  for (let n = 0; n < POINTS_PER_SERIES; n++) {
    for (let series = 0; series < SERIES; series++) {
      dataPoints.push({
        startTime: [1_700_000_000, 0] as [number, number],
        endTime: [1_700_000_000 + n, 250_000_000] as [number, number],
        attributes: { 'gpu.index': series, 'hw.id': `GPU-${series}`, 'hw.state': 'used' },
        value: Math.sin(series + n),
      });
    }
  }
  return {
    resource: emptyResource(),
    scopeMetrics: [
      {
        scope: { name: 'bench' },
        metrics: [
          {
            descriptor: {
              name: 'bench.gauge',
              description: '',
              unit: '1',
              type: InstrumentType.GAUGE,
              valueType: ValueType.DOUBLE,
              advice: {},
            },
            aggregationTemporality: AggregationTemporality.CUMULATIVE,
            dataPointType: DataPointType.GAUGE,
            dataPoints,
          },
        ],
      },
    ],
  } as unknown as ResourceMetrics;
}
