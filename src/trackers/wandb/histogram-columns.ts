import { nonFiniteCounts } from '../histogram.ts';
import type { HistogramRecord, SinkMap } from '../sink.ts';
import type { WandbSettings } from './config.ts';

/** Columns of a histogram in its row: what W&B draws as one, and counts of what no bin holds beside it. */
export function histogramColumns({ name, histogram }: HistogramRecord): {
  media: SinkMap;
  values: Record<string, number>;
} {
  const { edges, counts } = histogram;
  const bins = { _type: 'histogram', values: [...counts], bins: [...edges] };
  return {
    media: counts.length === 0 ? {} : { [name]: bins },
    values: Object.fromEntries(
      Object.entries(nonFiniteCounts(histogram)).map(([what, count]) => [`${name}/${what}`, count]),
    ),
  };
}

/** `log_gradients` and `log_parameters` that are false leave out what goes by those names. */
export function takesHistogram(
  { name }: HistogramRecord,
  { logGradients, logParameters }: Pick<WandbSettings, 'logGradients' | 'logParameters'>,
): boolean {
  if (name.startsWith('gradients/')) return logGradients;
  return name.startsWith('parameters/') ? logParameters : true;
}
