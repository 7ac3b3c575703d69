import { nearest } from '../../config/index.ts';
import { CONTRIB_COMPONENTS, KINDS, OWN_COMPONENTS, REMOVED, RENAMED, typeOf } from './components.ts';
import type { ConfigFinding } from './finding.ts';
import { entriesOf, at, type Located } from './located.ts';

const SECTIONS = [...KINDS, 'service'] as const;

/** Sections and component types: known, renamed, gone, or only in another distribution. */
export function checkComponents(merged: Located, available?: ReadonlySet<string>): ConfigFinding[] {
  const findings: ConfigFinding[] = [];
  for (const [name, { key }] of entriesOf(merged)) {
    if ((SECTIONS as readonly string[]).includes(name)) continue;
    const meant = nearest(name, SECTIONS);
    findings.push({
      ...key,
      severity: 'error',
      path: name,
      message: `unknown section${meant ? `; did you mean ${meant}?` : `; there are ${SECTIONS.join(', ')}`}`,
    });
  }
  for (const kind of KINDS) {
    const own = OWN_COMPONENTS[kind];
    const contrib = CONTRIB_COMPONENTS[kind];
    for (const [id, { key }] of entriesOf(at(merged, kind))) {
      const type = typeOf(id);
      const report = (severity: ConfigFinding['severity'], message: string) =>
        findings.push({ ...key, severity, path: `${kind}.${id}`, message });
      const renamed = RENAMED[kind][type];
      const removed = REMOVED[kind][type];
      if (removed) report('error', `${type} was removed from the Collector; use ${removed}`);
      else if (renamed)
        report(
          'warning',
          `${type} is the old name of ${renamed}, and will be removed; write ${renamed}${id.slice(type.length)}`,
        );
      else if (own.includes(type) || available?.has(`${kind}/${type}`)) continue;
      else if (contrib.includes(type)) {
        report(
          available ? 'error' : 'warning',
          `${type} is not in ${available ? 'this Collector' : 'the distribution of llm-otel'}; it needs the official contrib distribution`,
        );
      } else {
        const meant = nearest(type, [...own, ...contrib]);
        report('error', `unknown ${kind.slice(0, -1)} ${type}${meant ? `; did you mean ${meant}?` : ''}`);
      }
    }
  }
  return findings;
}
