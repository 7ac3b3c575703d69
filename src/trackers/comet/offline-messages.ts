import { createHash } from 'node:crypto';
import type { Asset } from './assets.ts';
import { NESTED, type Parameter } from './experiment.ts';
import type { HistogramAsset } from './histogram.ts';
import type { CometBatch, Metric, OutputLine } from './messages.ts';

/**
 * Lines of `messages.json` in an offline archive, as comet_ml 3.58 writes and checks them: one schema-invalid metric
 * ends the upload of all.
 */
type Message = { readonly type: string; readonly payload: Readonly<Record<string, unknown>> };

export function metricMessage({ name, value, step, epoch, time }: Metric): Message {
  return {
    type: 'metric_msg',
    payload: {
      context: null,
      local_timestamp: time,
      metric: { metricName: name, metricValue: value, step, epoch },
    },
  };
}

export function parameterMessage({ name, value, time }: Parameter & { readonly time: number }): Message {
  return {
    type: 'parameter_msg',
    payload: {
      context: null,
      local_timestamp: time,
      param: { paramName: name, paramValue: value, step: null, source: 'manual' },
    },
  };
}

export function otherMessage({ name, value }: Pick<Parameter, 'name' | 'value'>): Message {
  return { type: 'log_other', payload: { key: name, value } };
}

export function outputMessage({ text, stderr, time }: OutputLine): Message {
  return { type: 'standard_output', payload: { local_timestamp: time, output: text, stderr } };
}

export function graphMessage(graph: string): Message {
  return { type: 'graph', payload: { graph } };
}

export function fileNameMessage(name: string): Message {
  return { type: 'file_name', payload: { file_name: name } };
}

export function gitMessage(git: Readonly<Record<string, unknown>>): Message {
  return {
    type: 'git_metadata',
    payload: {
      git_metadata: {
        root: null,
        user: null,
        branch: null,
        parent: null,
        origin: null,
        status: null,
        ...git,
      },
    },
  };
}

/** `file`: name of the copy in the archive. */
export function uploadMessage(
  asset: Asset & Partial<Pick<HistogramAsset, 'step' | 'epoch'>>,
  file: string,
  assetId: string,
  time: number,
): Message {
  const { fileName, type, groupingName, metadata, step, epoch } = asset;
  const extension = /\.([\w-]{1,12})$/.exec(fileName)?.[1];
  return {
    type: 'file_upload',
    payload: {
      file_path: file,
      upload_type: type,
      additional_params: {
        fileName,
        assetId,
        step: step ?? null,
        ...(epoch === undefined ? {} : { epoch }),
        overwrite: step === undefined,
        // absent, it marks the experiment as broken
        context: null,
        runId: null,
        type,
        ...(extension === undefined ? {} : { extension }),
        ...(groupingName === undefined ? {} : { groupingName }),
      },
      metadata: metadata === undefined ? {} : (JSON.parse(metadata) as Record<string, unknown>),
      local_timestamp: time,
      clean: true,
    },
  };
}

export function batchMessages({ metrics, parameters, nested, histograms, output }: CometBatch): Message[] {
  return [
    ...parameters.map(parameterMessage),
    ...(nested ? [otherMessage({ name: NESTED, value: true })] : []),
    ...metrics.map(metricMessage),
    ...histograms.map((histogram) => {
      const { name } = histogramFile(histogram);
      return uploadMessage(histogram, name, name, histogram.time);
    }),
    ...output.map(outputMessage),
  ];
}

const HISTOGRAM_FILE = /^histogram-[0-9a-f]{32}$/;

/** The file of a histogram in the archive: the same one comes to the same name. */
export function histogramFile({ seq, fileName, content }: HistogramAsset): { name: string; content: string } {
  const hash = createHash('sha256').update(`${seq}/${fileName}`).digest('hex').slice(0, 32);
  return { name: `histogram-${hash}`, content };
}

export function isHistogramFile(name: string): boolean {
  return HISTOGRAM_FILE.test(name);
}

export function messageLines(messages: readonly Message[]): string {
  return messages.map((message) => `${JSON.stringify(message)}\n`).join('');
}
