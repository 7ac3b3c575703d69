/** One thing about a configuration; `line` and `column` count from 1. An error keeps the Collector from working as meant. */
export interface ConfigFinding {
  file: string;
  line: number;
  column: number;
  severity: 'error' | 'warning';
  /** Dotted, e.g. `service.pipelines.traces/hub`. */
  path: string;
  message: string;
}

/** `file:line:column: severity: path: message`, as compilers print it. */
export function findingText(finding: ConfigFinding): string {
  const path = finding.path ? `${finding.path}: ` : '';
  return `${finding.file}:${finding.line}:${finding.column}: ${finding.severity}: ${path}${finding.message}`;
}
