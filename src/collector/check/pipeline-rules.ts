import { nearest } from '../../config/index.ts';
import { KINDS, type Kind, typeOf } from './components.ts';
import type { ConfigFinding } from './finding.ts';
import { at, entriesOf, type Located, type Place, textsOf } from './located.ts';

const SIGNALS = ['traces', 'metrics', 'logs', 'profiles'] as const;
const PARTS = ['receivers', 'processors', 'exporters'] as const;

/** Pipelines name what exists, have both ends, and connectors are used on both sides; extensions exist and are started. */
export function checkPipelines(merged: Located): ConfigFinding[] {
  const findings: ConfigFinding[] = [];
  const declared = Object.fromEntries(
    KINDS.map((kind) => [kind, new Set(entriesOf(at(merged, kind)).map(([id]) => id))]),
  ) as Record<Kind, Set<string>>;
  /** Connector → sides on which a pipeline uses it. */
  const sides = new Map<string, Set<'receivers' | 'exporters'>>();
  const used = new Set<string>();
  const report = (place: Place, severity: ConfigFinding['severity'], path: string, message: string) =>
    findings.push({ ...place, severity, path, message });

  const pipelines = entriesOf(at(merged, 'service', 'pipelines'));
  if (pipelines.length === 0) {
    const place = at(merged, 'service')?.place ?? merged.place;
    report(place, 'error', 'service.pipelines', 'there is no pipeline: nothing would be received or sent');
  }
  for (const [name, { key, value }] of pipelines) {
    const path = `service.pipelines.${name}`;
    const signal = typeOf(name);
    if (!(SIGNALS as readonly string[]).includes(signal)) {
      const meant = nearest(signal, SIGNALS);
      report(
        key,
        'error',
        path,
        `a pipeline is named after its signal, ${SIGNALS.join(', ')}${meant ? `; did you mean ${meant}${name.slice(signal.length)}?` : ''}`,
      );
    }
    for (const [part, entry] of entriesOf(value)) {
      if ((PARTS as readonly string[]).includes(part)) continue;
      const meant = nearest(part, PARTS);
      report(
        entry.key,
        'error',
        `${path}.${part}`,
        `unknown key${meant ? `; did you mean ${meant}?` : `; known here: ${PARTS.join(', ')}`}`,
      );
    }
    for (const part of PARTS) {
      const list = at(value, part);
      const ids = textsOf(list);
      if (list !== undefined && list.kind !== 'list') {
        report(list.place, 'error', `${path}.${part}`, 'expected a list such as [otlp]');
      } else if (ids.length === 0 && part !== 'processors') {
        report(list?.place ?? key, 'error', path, `has no ${part}`);
      }
      for (const { text: id, place } of ids) {
        used.add(`${part}/${id}`);
        const connector = part !== 'processors' && declared.connectors.has(id);
        if (connector) sides.set(id, (sides.get(id) ?? new Set()).add(part));
        if (connector || declared[part].has(id)) continue;
        const known =
          part === 'processors' ? [...declared.processors] : [...declared[part], ...declared.connectors];
        const meant = nearest(id, known);
        report(
          place,
          'error',
          `${path}.${part}`,
          `names ${id}, which is not defined under ${part}${part === 'processors' ? '' : ' or connectors'}${meant ? `; did you mean ${meant}?` : ''}`,
        );
      }
    }
  }
  findings.push(...checkConnectors(merged, sides), ...checkExtensions(merged, declared.extensions));
  for (const kind of PARTS) {
    for (const [id, { key }] of entriesOf(at(merged, kind))) {
      // The base brings the valve for whoever needs it.
      if (used.has(`${kind}/${id}`) || id === 'batch/valve') continue;
      report(key, 'warning', `${kind}.${id}`, 'no pipeline uses it');
    }
  }
  return findings;
}

function checkConnectors(merged: Located, sides: ReadonlyMap<string, ReadonlySet<string>>): ConfigFinding[] {
  return entriesOf(at(merged, 'connectors')).flatMap(([id, { key }]): ConfigFinding[] => {
    const seen = sides.get(id);
    if (seen?.size === 2) return [];
    const message =
      seen === undefined
        ? 'no pipeline uses it; a connector ends one pipeline and starts another'
        : `is only among ${[...seen][0]} of pipelines; a connector must be an exporter of one and a receiver of another`;
    return [{ ...key, severity: seen ? 'error' : 'warning', path: `connectors.${id}`, message }];
  });
}

/** Where a component names an extension. */
const EXTENSION_KEYS = ['storage', 'authenticator'] as const;

function checkExtensions(merged: Located, declared: ReadonlySet<string>): ConfigFinding[] {
  const findings: ConfigFinding[] = [];
  const started = textsOf(at(merged, 'service', 'extensions'));
  for (const { text: id, place } of started) {
    if (declared.has(id)) continue;
    const meant = nearest(id, declared);
    findings.push({
      ...place,
      severity: 'error',
      path: 'service.extensions',
      message: `names ${id}, which is not defined under extensions${meant ? `; did you mean ${meant}?` : ''}`,
    });
  }
  const running = new Set(started.map(({ text }) => text));
  for (const kind of ['receivers', 'exporters', 'processors', 'connectors'] as const) {
    for (const [id, { value }] of entriesOf(at(merged, kind))) {
      findings.push(...namedExtensions(value, [kind, id], declared, running));
    }
  }
  for (const [id, { key }] of entriesOf(at(merged, 'extensions'))) {
    if (!running.has(id))
      findings.push({
        ...key,
        severity: 'warning',
        path: `extensions.${id}`,
        message: 'service.extensions does not start it',
      });
  }
  return findings;
}

function namedExtensions(
  value: Located,
  path: readonly string[],
  declared: ReadonlySet<string>,
  running: ReadonlySet<string>,
): ConfigFinding[] {
  return entriesOf(value).flatMap(([name, entry]): ConfigFinding[] => {
    if (!(EXTENSION_KEYS as readonly string[]).includes(name) || entry.value.kind !== 'scalar')
      return namedExtensions(entry.value, [...path, name], declared, running);
    const id = String(entry.value.value);
    if (running.has(id)) return [];
    const message = declared.has(id)
      ? `names ${id}, which service.extensions does not start`
      : `names ${id}, which is not defined under extensions`;
    return [{ ...entry.value.place, severity: 'error', path: [...path, name].join('.'), message }];
  });
}
