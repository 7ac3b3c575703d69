/** One metric family of the Prometheus text format. */
export interface Family {
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  samples: readonly Sample[];
}
export interface Sample {
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/**
 * Metric families in Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats): HELP, TYPE
 * and all samples of a family together; backslash and line feed escaped in help, the quote too in label values.
 */
export function exposition(families: readonly Family[]): string {
  return families
    .map(({ name, type, help, samples }) =>
      [
        `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
        `# TYPE ${name} ${type}`,
        ...samples.map(({ labels, value }) => `${name}${labelSet(labels ?? {})} ${written(value)}`),
        '',
      ].join('\n'),
    )
    .join('');
}

function labelSet(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function written(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}
