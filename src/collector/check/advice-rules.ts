import { findReferences } from '../compose/references.ts';
import { typeOf } from './components.ts';
import type { ConfigFinding } from './finding.ts';
import { at, entriesOf, type Located, scalarsOf, textsOf } from './located.ts';

/** Exporters that reach another machine and can queue on disk. */
const REMOTE = new Set(['otlp_http', 'otlp_grpc', 'kafka']);

/** What a Collector accepts, and what loses data or lets one destination hurt another. */
export function checkAdvice(merged: Located): ConfigFinding[] {
  const findings: ConfigFinding[] = [];
  const warn = (place: Located['place'], path: string, message: string) =>
    findings.push({ ...place, severity: 'warning', path, message });
  for (const [id, { key, value }] of entriesOf(at(merged, 'exporters'))) {
    const path = `exporters.${id}`;
    const queue = at(value, 'sending_queue');
    const type = typeOf(id);
    const isOff = scalar(at(queue, 'enabled')) === false;
    if (REMOTE.has(type) && !isOff && at(queue, 'storage') === undefined)
      warn(
        queue?.place ?? key,
        path,
        'queues in memory: a restart or a kill loses what waits. Set sending_queue.storage: file_storage/queue',
      );
    const blocks = at(queue, 'block_on_overflow');
    if (scalar(blocks) === true && blocks)
      warn(
        blocks.place,
        `${path}.sending_queue.block_on_overflow`,
        'when this destination is down for long, every other one waits for it. Set it to false',
      );
    const elapsed = at(value, 'retry_on_failure', 'max_elapsed_time');
    if (REMOTE.has(type) && !isOff && !['0', '0s'].includes(String(scalar(elapsed))))
      warn(
        elapsed?.place ?? key,
        `${path}.retry_on_failure`,
        'gives up and drops after max_elapsed_time (300s when unset). 0 retries without end',
      );
    if (type === 'file' && at(value, 'rotation') === undefined)
      warn(
        key,
        path,
        scalar(at(value, 'append')) === true
          ? 'append writes through a buffer: a kill loses what is in it. Use rotation: {max_backups: 0}'
          : 'the file is emptied at every start. Use rotation: {max_backups: 0}',
      );
    const backups = at(value, 'rotation', 'max_backups');
    if (type === 'file' && at(value, 'rotation') !== undefined && scalar(backups) !== 0)
      warn(
        backups?.place ?? key,
        `${path}.rotation.max_backups`,
        'older files are deleted (100 are kept when unset). 0 keeps all',
      );
  }
  for (const [name, { value }] of entriesOf(at(merged, 'service', 'pipelines'))) {
    for (const { text: id, place } of textsOf(at(value, 'processors'))) {
      const processor = at(merged, 'processors', id);
      if (typeOf(id) !== 'batch' || !processor || isValve(processor)) continue;
      warn(
        place,
        `service.pipelines.${name}`,
        `${id} holds data in memory after they were acknowledged: a kill loses them. Batch in the exporter (sending_queue.batch)`,
      );
    }
  }
  return findings;
}

const isValve = (processor: Located) =>
  ['0', '0s'].includes(String(scalar(at(processor, 'timeout')))) &&
  scalar(at(processor, 'send_batch_size')) === 0;

function scalar(value: Located | undefined): string | number | boolean | null | undefined {
  return value?.kind === 'scalar' ? value.value : undefined;
}

/** Two things that listen on one address: the Collector stops at the second. Variables count with their values. */
export function checkAddresses(
  merged: Located,
  env: Readonly<Record<string, string | undefined>>,
): ConfigFinding[] {
  const listening = new Map<string, string>();
  const findings: ConfigFinding[] = [];
  for (const { path, place, value } of scalarsOf(merged)) {
    const listens =
      path.at(-1) === 'endpoint' &&
      (path[0] === 'receivers' || path[0] === 'extensions' || typeOf(path[1] ?? '') === 'prometheus');
    if (!listens || typeof value !== 'string') continue;
    let address = value;
    for (const { text, name, fallback } of findReferences(value))
      address = address.replace(text, env[name] || fallback || text);
    if (!/:\d+$/.test(address) || address.endsWith(':0')) continue;
    const port = address.slice(address.lastIndexOf(':') + 1);
    const other = listening.get(port);
    if (other !== undefined)
      findings.push({
        ...place,
        severity: 'error',
        path: path.join('.'),
        message: `listens on port ${port}, as ${other} does`,
      });
    else listening.set(port, path.join('.'));
  }
  return findings;
}
