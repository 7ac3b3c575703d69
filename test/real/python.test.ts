/** The Python example, as a user runs it, against the receiver. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATTR, EVENT } from '../../src/conventions/index.ts';
import { readMap } from '../../src/hub/store/runs/run-record.ts';
import { readHistogram } from '../../src/trackers/index.ts';
import type { AttributeValue, LogRecord, OtlpRequest, Resource } from '../../src/otlp/index.ts';
import { type Receiving, startReceiving } from '../hub/receiver/receiving.ts';
import { example, pythonOrSkip } from './python-environment.ts';

const run = promisify(execFile);

const python = await pythonOrSkip('Python example');

interface Event {
  resource: Resource;
  record: LogRecord;
}
function eventsOf(requests: readonly OtlpRequest[]): Event[] {
  return requests
    .flatMap((request) => (request.signal === 'logs' ? request.resourceLogs : []))
    .flatMap(({ resource, scopeLogs }) =>
      scopeLogs.flatMap(({ logRecords }) => logRecords.map((record) => ({ resource, record }))),
    )
    .toSorted((a, b) => seqOf(a) - seqOf(b));
}
const seqOf = ({ record }: Event): number => Number(record.attributes[ATTR.runSeq]);
const bodyOf = ({ record }: Event): Record<string, AttributeValue> =>
  record.body as Record<string, AttributeValue>;

describe.skipIf(python === undefined)('a run that Python sends with the official SDK', () => {
  let receiving: Receiving;
  let events: Event[];
  let printed: string;
  const named = (name: string): Event[] => events.filter(({ record }) => record.eventName === name);

  beforeAll(async () => {
    receiving = await startReceiving();
    const { stdout, stderr } = await run(python as string, [example('train.py'), '--steps', '200'], {
      env: {
        ...process.env,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiving.url,
        PYTHONDONTWRITEBYTECODE: '1',
        // A proxy of the machine must not be asked for the loopback address.
        NO_PROXY: '127.0.0.1',
      },
      timeout: 60_000,
    });
    expect(stderr).toBe('');
    printed = stdout;
    events = eventsOf(receiving.store.appended.map(({ request }) => request));
  });
  afterAll(() => receiving?.close());

  it('arrives whole: records 0 to n without holes, each once, in order of time', () => {
    expect(events.map(seqOf)).toEqual(events.map((_, index) => index));
    expect(printed).toContain(`${events.length} records`);
    const times = events.map(({ record }) => record.timeUnixNano);
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    expect(receiving.receiver.stats().requests.logs).toEqual({ '200': receiving.store.appended.length });
  });

  it('says in its resource which run it is', () => {
    const { attributes } = (events[0] as Event).resource;
    expect(attributes).toMatchObject({
      [ATTR.runName]: 'logistic-regression-python',
      [ATTR.runProject]: 'examples',
      [ATTR.rank]: 0,
      [ATTR.worldSize]: 1,
      [ATTR.runAttempt]: 1,
      [ATTR.serviceName]: 'trainer',
    });
    expect(attributes[ATTR.serviceInstanceId]).toMatch(/^[0-9a-f-]{36}$/);
    expect(printed).toContain(`run ${attributes[ATTR.runId] as string}:`);
    for (const { resource } of events) expect(resource.attributes).toEqual(attributes);
  });

  it('starts with its params and tags', () => {
    const start = events[0] as Event;
    expect(start.record.eventName).toBe(EVENT.runStart);
    expect(bodyOf(start)).toMatchObject({
      learning_rate: 0.2,
      batch_size: 16,
      optimizer: { name: 'sgd', schedule: 'cosine' },
    });
    expect(start.record.attributes[ATTR.runTags]).toEqual({ language: 'python', example: true });
  });

  it('has every step, with a loss that falls and one that is NaN', () => {
    const steps = named(EVENT.trainingStep).filter((event) => 'train/loss' in bodyOf(event));
    expect(steps.map(({ record }) => record.attributes[ATTR.trainingStep])).toEqual(
      Array.from({ length: 200 }, (_, step) => step),
    );
    const losses = steps.map((event) => bodyOf(event)['train/loss'] as number);
    expect(losses.flatMap((loss, step) => (Number.isNaN(loss) ? [step] : []))).toEqual([120]);
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-20))).toBeLessThan(mean(losses.slice(0, 10)) / 2);
    expect(bodyOf(steps[7] as Event)).toEqual({
      'train/loss': expect.any(Number) as number,
      'train/learning_rate': expect.any(Number) as number,
      'train/grad_norm': expect.any(Number) as number,
      'train/step_time': expect.any(Number) as number,
    });
    expect(steps[63]?.record.attributes[ATTR.trainingEpoch]).toBe(1);
  });

  it('has histograms, as the hub reads them', () => {
    const histograms = named(EVENT.trainingHistogram);
    expect(histograms.map(({ record }) => record.attributes[ATTR.trainingStep])).toEqual([49, 99, 149, 199]);
    for (const event of histograms) {
      expect(event.record.attributes[ATTR.histogramName]).toBe('parameters/weights');
      const histogram = readHistogram(readMap(event.record.body));
      expect(histogram?.edges).toHaveLength(6);
      expect(histogram?.counts.reduce((sum, count) => sum + count, 0)).toBe(8);
    }
  });

  it('has validations, notes about the NaN, and an end', () => {
    const validations = named(EVENT.trainingStep).filter((event) => 'val/loss' in bodyOf(event));
    expect(validations.map(({ record }) => record.attributes[ATTR.trainingStep])).toEqual([49, 99, 149, 199]);
    expect(bodyOf(validations[3] as Event)['val/accuracy']).toBeGreaterThan(0.7);
    const notes = named(EVENT.runNote);
    expect(notes.map(({ record }) => [record.attributes[ATTR.noteSeverity], record.body])).toContainEqual([
      'error',
      'train/loss is NaN since step 120.',
    ]);
    const end = events.at(-1) as Event;
    expect(end.record.eventName).toBe(EVENT.runEnd);
    expect(end.record.attributes[ATTR.runStatus]).toBe('finished');
    expect(bodyOf(end)['val/loss']).toBe(bodyOf(validations[3] as Event)['val/loss']);
  });
});
