import { ATTR, EVENT } from '../conventions/index.ts';
import { type Histogram, histogramBody } from '../trackers/index.ts';
import type { Clock } from './clock.ts';
import { NamedRecord } from './delivery/outbox.ts';
import type { PlainMap } from './journal/record.ts';
import { plainText } from './plain-values.ts';
import type { RunLog } from './run-log.ts';
import { NOTE_SEVERITIES, type NoteSeverity } from './run-options.ts';
import type { KeyState } from './values/key-state.ts';
import type { StepOptions, StepRecorder, StepValues } from './values/recorder.ts';

/** A loss that flickers between NaN and numbers must not fill the run with notes. */
const MAX_NOTED_EPISODES = 20;

/**
 * What a run writes down: every method takes what it is given, and none of them throws. What cannot be used is
 * counted, and noted once.
 */
export class RunRecords {
  readonly #clock: Clock;
  readonly #log: RunLog;
  readonly #onBroken: (error: unknown) => void;
  readonly #noted = new Set<string>();
  #recorder!: StepRecorder;
  /** No more records: the run has ended. */
  closed = false;
  skipped = 0;
  late = 0;

  constructor(clock: Clock, log: RunLog, onBroken: (error: unknown) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#onBroken = onBroken;
  }

  /** Set once, right after the construction: recorder and records know each other. */
  set recorder(recorder: StepRecorder) {
    this.#recorder = recorder;
  }
  get recorder(): StepRecorder {
    return this.#recorder;
  }

  /** Hot. */
  values(values: StepValues, options: StepOptions | undefined, training: boolean): void {
    if (this.closed) {
      this.#onLate();
      return;
    }
    try {
      this.#recorder.record(values, options, training);
    } catch (error) {
      this.#onBroken(new Error(`Values were left out: ${messageOf(error)}`, { cause: error }));
    }
  }

  emit(event: string, attributes: PlainMap, body: PlainMap | string, severity?: number, time?: number): void {
    if (this.closed) {
      this.#onLate();
      return;
    }
    try {
      const now = this.#clock.monotonic();
      const record = {
        seq: this.#log.nextSeq,
        time: time ?? this.#clock.epoch(now),
        event,
        ...(severity === undefined ? {} : { severity }),
        attributes,
        body,
      };
      // made before the number is taken: a record that cannot be written leaves no hole
      const queued = new NamedRecord(record);
      this.#log.nextSeq++;
      this.#log.take(queued, now);
    } catch (error) {
      this.#onBroken(new Error(`${event} was left out: ${messageOf(error)}`, { cause: error }));
    }
  }

  /** `counted` throws for values that make no histogram. */
  histogram(
    name: string,
    counted: () => Histogram,
    options: Pick<StepOptions, 'step' | 'epoch' | 'time'> = {},
  ): void {
    if (this.closed) {
      this.#onLate();
      return;
    }
    let histogram: Histogram;
    try {
      histogram = counted();
    } catch (error) {
      this.#skip(name, messageOf(error));
      return;
    }
    const { step, epoch, time } = this.recorder.place(options);
    this.emit(
      EVENT.trainingHistogram,
      {
        [ATTR.trainingStep]: step,
        ...(epoch === undefined ? {} : { [ATTR.trainingEpoch]: epoch }),
        [ATTR.histogramName]: plainText(name),
      },
      histogramBody(histogram),
      undefined,
      time,
    );
  }

  note(text: string, severity: NoteSeverity = 'info'): void {
    const known = severity in NOTE_SEVERITIES ? severity : 'info';
    this.emit(EVENT.runNote, { [ATTR.noteSeverity]: known }, plainText(text), NOTE_SEVERITIES[known]);
  }

  /** A value or an option that could not be used: counted, and noted the first time. */
  onSkipped(name: string, what: string): void {
    this.#skip(name, `a number was expected, ${what} came`);
  }

  #skip(name: string, why: string): void {
    this.skipped++;
    if (this.#noted.has(name) || this.#noted.size >= 100) return;
    this.#noted.add(name);
    this.note(`${name} was left out: ${why}.`, 'warning');
  }

  onEpisode(state: KeyState, value: number, step: number): void {
    if (state.episodes > MAX_NOTED_EPISODES) return;
    if (state.nonFinite) {
      const last = state.episodes === MAX_NOTED_EPISODES ? ' Further episodes are not noted.' : '';
      this.note(`${state.key} is ${value} since step ${step}.${last}`, 'error');
    } else this.note(`${state.key} is finite again since step ${step}.`);
  }

  #onLate(): void {
    this.late++;
    if (this.late === 1)
      this.#onBroken(
        new Error(
          'Something was recorded after finish(); it was left out. Start another run, or resume this one.',
        ),
      );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
