import { ATTR, EVENT, METRIC, type MetricDefinition } from '../../src/conventions/index.ts';
import {
  type Attributes,
  type AttributeValue,
  encodeAttributes,
  encodeRequest,
  type LogRecord,
  type MetricData,
  type OtlpRequest,
  type Span,
} from '../../src/otlp/index.ts';

const nanoseconds = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n;
const scope = { name: 'feed', version: '1', attributes: {} };

/** Sends one OTLP request as protobuf; throws unless the hub took it. */
export async function post(hubUrl: string, request: OtlpRequest): Promise<void> {
  const response = await fetch(`${hubUrl}/v1/${request.signal}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: encodeRequest(request) as Uint8Array<ArrayBuffer>,
  });
  if (!response.ok) throw new Error(`OTLP refused: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

export interface FedStep {
  step: number;
  time: number;
  values: Record<string, number>;
}

/** A run as a training program would send it, record by record. */
export class FedRun {
  readonly id: string;
  readonly #hubUrl: string;
  readonly #resource: Attributes;
  readonly #rank: number;
  #seq = 0;

  constructor(
    hubUrl: string,
    run: { id: string; name: string; project?: string; rank?: number; worldSize?: number; service?: string },
  ) {
    this.id = run.id;
    this.#hubUrl = hubUrl;
    this.#rank = run.rank ?? 0;
    this.#resource = {
      [ATTR.serviceName]: run.service ?? 'train',
      [ATTR.serviceInstanceId]: `${run.id}-${this.#rank}`,
      [ATTR.runId]: run.id,
      [ATTR.runName]: run.name,
      [ATTR.runProject]: run.project ?? 'char-lm',
      [ATTR.rank]: BigInt(this.#rank),
      [ATTR.worldSize]: BigInt(run.worldSize ?? 1),
      [ATTR.runAttempt]: 1n,
    };
  }

  start(time: number, params: Attributes = {}, tags: Attributes = {}): Promise<void> {
    const source = { 'git.commit': '0123abc', command: 'node train.mjs' };
    return this.#send([
      this.#record(EVENT.runStart, time, params, { [ATTR.runTags]: tags, [ATTR.runSource]: source }),
    ]);
  }

  async steps(steps: readonly FedStep[]): Promise<void> {
    for (let from = 0; from < steps.length; from += 5000) {
      await this.#send(
        steps
          .slice(from, from + 5000)
          .map(({ step, time, values }) =>
            this.#record(EVENT.trainingStep, time, values, { [ATTR.trainingStep]: BigInt(step) }),
          ),
      );
    }
  }

  note(time: number, text: string, severity = 'info'): Promise<void> {
    return this.#send([this.#record(EVENT.runNote, time, text, { [ATTR.noteSeverity]: severity })]);
  }

  artifact(time: number, name: string, size: number): Promise<void> {
    return this.#send([
      this.#record(
        EVENT.runArtifact,
        time,
        {},
        {
          [ATTR.artifactName]: name,
          [ATTR.artifactKind]: 'model',
          [ATTR.artifactPath]: `./checkpoints/${name}`,
          [ATTR.artifactSize]: BigInt(size),
          [ATTR.artifactSha256]: '0'.repeat(64),
        },
      ),
    ]);
  }

  end(time: number, status: string): Promise<void> {
    return this.#send([this.#record(EVENT.runEnd, time, {}, { [ATTR.runStatus]: status })]);
  }

  #record(eventName: string, time: number, body: AttributeValue, attributes: Attributes): LogRecord {
    const seq = this.#seq;
    this.#seq += 1;
    return {
      timeUnixNano: nanoseconds(time),
      observedTimeUnixNano: nanoseconds(time),
      severityNumber: 9,
      severityText: 'INFO',
      eventName,
      body,
      attributes: { [ATTR.runSeq]: BigInt(seq), ...attributes },
      traceId: '',
      spanId: '',
      flags: 0,
    };
  }

  #send(logRecords: LogRecord[]): Promise<void> {
    return post(this.#hubUrl, {
      signal: 'logs',
      resourceLogs: [{ resource: { attributes: this.#resource }, scopeLogs: [{ scope, logRecords }] }],
    });
  }
}

/** Points of one metric, as a program's exporter would send them. */
export interface FedMetric {
  metric: MetricDefinition;
  attributes?: Attributes;
}

export function gauge(
  { metric, attributes = {} }: FedMetric,
  points: readonly [time: number, value: number][],
): MetricData {
  return {
    ...named(metric),
    kind: 'gauge',
    temporality: 'unspecified',
    monotonic: false,
    points: points.map(([time, value]) => ({
      attributes: encodeAttributes(attributes),
      startTime: 0,
      time,
      value,
      flags: 0,
    })),
  };
}

/** A cumulative counter that starts with 0 at `start`. */
export function counter(
  { metric, attributes = {} }: FedMetric,
  start: number,
  points: readonly [time: number, value: number][],
): MetricData {
  return {
    ...named(metric),
    kind: 'sum',
    temporality: 'cumulative',
    monotonic: true,
    points: points.map(([time, value]) => ({
      attributes: encodeAttributes(attributes),
      startTime: start,
      time,
      value,
      flags: 0,
    })),
  };
}

/** A cumulative histogram over the metric's own buckets: one point for each time, of all values up to it. */
export function histogram(
  { metric, attributes = {} }: FedMetric,
  start: number,
  values: readonly [time: number, value: number][],
  times: readonly number[],
): MetricData {
  const bounds = [...(metric.buckets ?? [])];
  return {
    ...named(metric),
    kind: 'histogram',
    temporality: 'cumulative',
    points: times.map((time) => {
      const counts: number[] = Array.from({ length: bounds.length + 1 }, () => 0);
      const until = values.filter(([at]) => at <= time).map(([, value]) => value);
      for (const value of until) {
        const bucket = bounds.findIndex((bound) => value <= bound);
        const index = bucket < 0 ? bounds.length : bucket;
        counts[index] = (counts[index] ?? 0) + 1;
      }
      return {
        attributes: encodeAttributes(attributes),
        startTime: start,
        time,
        count: until.length,
        sum: until.reduce((sum, value) => sum + value, 0),
        min: undefined,
        max: undefined,
        bounds,
        counts,
        flags: 0,
      };
    }),
  };
}

const named = ({ name, unit, description }: MetricDefinition) => ({ name, unit, description });

export function postMetrics(hubUrl: string, service: string, metrics: MetricData[]): Promise<void> {
  return post(hubUrl, {
    signal: 'metrics',
    resourceMetrics: [{ resource: resourceOf(service), scopeMetrics: [{ scope, metrics }] }],
  });
}

export function postSpans(hubUrl: string, service: string, spans: Span[]): Promise<void> {
  return post(hubUrl, {
    signal: 'traces',
    resourceSpans: [{ resource: resourceOf(service), scopeSpans: [{ scope, spans }] }],
  });
}

const resourceOf = (service: string) => ({
  attributes: {
    [ATTR.serviceName]: service,
    [ATTR.serviceInstanceId]: `${service}-1`,
    [ATTR.hostName]: 'host-1',
  },
});

export function span(
  ids: { trace: number; span: number; parent?: number },
  name: string,
  start: number,
  durationMs: number,
  attributes: Attributes = {},
  error = '',
): Span {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return {
    traceId: hex(ids.trace, 32),
    spanId: hex(ids.span, 16),
    parentSpanId: ids.parent === undefined ? '' : hex(ids.parent, 16),
    traceState: '',
    flags: 1,
    name,
    kind: ids.parent === undefined ? 2 : 1,
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(start + durationMs),
    attributes,
    events: [],
    links: [],
    status: { code: error === '' ? 0 : 2, message: error },
  };
}

/** A steady pseudo-random number in [0, 1) of an integer: the same data in every test. */
export const noise = (seed: number): number => {
  const x = Math.sin(seed * 12.9898 + 4.1) * 43_758.5453;
  return x - Math.floor(x);
};

/** Traffic and host load of the minutes before `now`, exported every 10 s. */
export async function feedTraffic(hubUrl: string, now: number, minutes: number): Promise<void> {
  const start = now - minutes * 60_000;
  const times = Array.from({ length: minutes * 6 }, (_, i) => start + (i + 1) * 10_000);
  const model = { [ATTR.requestModel]: 'char-lm' };
  const requests = Array.from({ length: minutes * 60 * 4 }, (_, i) => ({
    at: start + i * 250,
    ttft: 0.03 + noise(i) ** 3 * 0.3,
    tpot: 0.006 + noise(i + 7) * 0.01,
  }));
  const spread = (pick: (request: (typeof requests)[number]) => number) =>
    requests.map((request): [number, number] => [request.at, pick(request)]);
  const total = (perSecond: number) =>
    times.map((time): [number, number] => [time, Math.round(((time - start) / 1000) * perSecond)]);
  const load = (base: number, swing: number) =>
    times.map((time, i): [number, number] => [time, base + swing * noise(i)]);
  await postMetrics(hubUrl, 'serve', [
    histogram(
      { metric: METRIC.timeToFirstToken, attributes: model },
      start,
      spread(({ ttft }) => ttft),
      times,
    ),
    histogram(
      { metric: METRIC.timePerOutputToken, attributes: model },
      start,
      spread(({ tpot }) => tpot),
      times,
    ),
    histogram(
      { metric: METRIC.requestDuration, attributes: model },
      start,
      spread(({ ttft, tpot }) => ttft + 60 * tpot),
      times,
    ),
    ...(['completed', 'length', 'error', 'aborted'] as const).map((outcome, i) =>
      counter(
        { metric: METRIC.servingRequests, attributes: { ...model, [ATTR.outcome]: outcome } },
        start,
        total([3, 0.7, 0.08, 0.22][i] ?? 0),
      ),
    ),
    counter(
      { metric: METRIC.servingTokens, attributes: { ...model, [ATTR.tokenType]: 'output' } },
      start,
      total(240),
    ),
    counter(
      { metric: METRIC.servingTokens, attributes: { ...model, [ATTR.tokenType]: 'input' } },
      start,
      total(900),
    ),
    gauge({ metric: METRIC.systemCpuUtilization, attributes: { [ATTR.cpuMode]: 'idle' } }, load(0.3, 0.2)),
    gauge({ metric: METRIC.memoryUtilization, attributes: { [ATTR.memoryState]: 'used' } }, load(0.42, 0.02)),
    gauge({ metric: METRIC.processCpuUtilization }, load(0.2, 0.15)),
    gauge({ metric: METRIC.eventloopDelayP99 }, load(0.011, 0.004)),
    counter(
      { metric: METRIC.networkIo, attributes: { [ATTR.networkDirection]: 'receive' } },
      start,
      total(120_000),
    ),
    counter(
      { metric: METRIC.networkIo, attributes: { [ATTR.networkDirection]: 'transmit' } },
      start,
      total(480_000),
    ),
    counter(
      { metric: METRIC.diskIo, attributes: { [ATTR.diskDirection]: 'write' } },
      start,
      total(2_000_000),
    ),
  ]);
  await postSpans(
    hubUrl,
    'serve',
    Array.from({ length: 20 }, (_, i) => {
      const at = now - 1000 - i * 3000;
      const failed = i % 7 === 3 ? 'model overloaded' : '';
      return [
        span(
          { trace: i + 1, span: i * 4 + 1 },
          'POST /v1/chat/completions',
          at,
          420,
          { [ATTR.httpRoute]: '/v1/chat/completions' },
          failed,
        ),
        span(
          { trace: i + 1, span: i * 4 + 2, parent: i * 4 + 1 },
          'chat char-lm',
          at + 5,
          410,
          { [ATTR.requestModel]: 'char-lm', [ATTR.usageOutputTokens]: 64n },
          failed,
        ),
      ];
    }).flat(),
  );
}
