import type { ConfigSource } from '../compose/source.ts';
import { checkAddresses, checkAdvice } from './advice-rules.ts';
import { checkComponents } from './component-rules.ts';
import type { ConfigFinding } from './finding.ts';
import { checkKeys } from './key-rules.ts';
import { type Located, readLocated } from './located.ts';
import { mergeLocated } from './merge.ts';
import { checkPipelines } from './pipeline-rules.ts';
import { checkVariables } from './variable-rules.ts';

export interface CheckOptions {
  /** Variables that the Collector will have; default none. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Components of the Collector that is to run it, as `exporters/otlp_http`; default: those of our distribution. */
  components?: ReadonlySet<string>;
}

/**
 * Checks files that are to be given to one Collector together, without a Collector: YAML, known sections, components and
 * keys, pipelines and extensions that exist, lists that one file takes from another, variables and credentials, and what
 * is known to lose data. It knows less than the Collector about values, and more about what was meant.
 * @returns findings, those of one file together, in the order of their lines
 */
export function checkConfig(sources: readonly ConfigSource[], options: CheckOptions = {}): ConfigFinding[] {
  const env = options.env ?? {};
  const read = sources.map(readLocated);
  const findings = read.flatMap((one) => one.findings);
  const values = read.flatMap(({ value }): Located[] => (value === undefined ? [] : [value]));
  const { merged, findings: clobbered } = mergeLocated(values);
  findings.push(...clobbered);
  // A file that cannot be read is missing from the rest: what follows would be wrong about it.
  if (merged !== undefined && values.length === sources.length) {
    findings.push(
      ...checkComponents(merged, options.components),
      ...checkKeys(merged),
      ...checkPipelines(merged),
      ...checkVariables(merged, env),
      ...checkAddresses(merged, env),
      ...checkAdvice(merged),
    );
  }
  const order = new Map(sources.map(({ name }, i) => [name, i]));
  return findings.sort(
    (a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.line - b.line || a.column - b.column,
  );
}
