import type {
  InstrumentInfo,
  RunHistogram,
  RunSummary,
  SpanInfo,
  TraceSummary,
} from '../../../conventions/index.ts';
import type { Liveness } from '../runs/run-status.ts';
import type { HistogramRow } from '../chunks/histogram-chunk.ts';
import type { NumberColumns } from '../chunks/number-chunk.ts';
import type { StepColumns } from '../chunks/step-chunk.ts';
import type {
  HistogramSeries,
  HistogramQuery,
  NumberSeries,
  PointsQuery,
  RunHistogramQuery,
  SeriesQuery,
  TraceQuery,
} from '../store.ts';

/** Unsealed points of one series, as they were when the question was put. */
export interface LiveSeries {
  series: number;
  /** Oldest time of its resource that the writer took in, ms. */
  resourceSince: number;
}
export interface LiveNumbers extends LiveSeries {
  heads: NumberColumns[];
}
export interface LiveRows extends LiveSeries {
  rows: HistogramRow[];
}
export interface LiveSteps {
  series: number;
  heads: StepColumns[];
}

export interface RunsQuestion extends Liveness {
  project: string | undefined;
  status: string | undefined;
  limit: number;
  /** Runs in the writer's memory: what the database says of them is old. */
  live: { id: string; startedAt: number; matches: boolean }[];
}
/** Per run of the page: its summary, or the id of a live one. */
export interface RunsAnswer {
  runs: (RunSummary | string)[];
  total: number;
}

/** A step series, reduced; columns are typed so that they are transferred, not copied. */
export interface StepsAnswer {
  columns: StepColumns;
  nonFinite: StepColumns;
  nonFiniteTotal: number;
  total: number;
  reduced: boolean;
}

/** Questions to the read worker and their answers. */
export interface Questions {
  /** Moves the write-ahead log into the database file. */
  checkpoint: { ask: null; answer: null };
  runs: { ask: RunsQuestion; answer: RunsAnswer };
  runState: { ask: { id: string }; answer: string | undefined };
  steps: {
    ask: { query: SeriesQuery; startedAt: number | undefined; live: LiveSteps[] };
    answer: StepsAnswer | undefined;
  };
  runHistograms: { ask: RunHistogramQuery; answer: RunHistogram[] };
  instruments: { ask: { lastSeen: Map<number, number> }; answer: InstrumentInfo[] };
  points: { ask: { query: PointsQuery; live: LiveNumbers[] }; answer: NumberSeries[] };
  histograms: { ask: { query: HistogramQuery; live: LiveRows[] }; answer: HistogramSeries[] };
  traces: { ask: TraceQuery; answer: { traces: TraceSummary[]; total: number } };
  trace: { ask: { id: string }; answer: SpanInfo[] };
}
export type Question = keyof Questions;

export interface ReadRequest<Q extends Question = Question> {
  id: number;
  question: Q;
  /** Sealing that the unsealed points sent along belong to: if the database has another, the question is put again. */
  generation: number;
  ask: Questions[Q]['ask'];
}
export type ReadReply = { id: number } & (
  | { answer: unknown }
  | { stale: true }
  /** `tooLarge`: the question asks for more than fits (`AnswerTooLargeError`). */
  | { error: { message: string; stack: string | undefined; tooLarge: boolean } }
);
