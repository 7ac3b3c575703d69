import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtCollectorPath, COLLECTOR_VERSION, findCollector } from '../../src/collector/index.ts';
import { lister, program, temporaryFolder } from './programs.ts';

const ENOUGH = { exporters: ['otlp_http', 'file'] };
const needed = ['exporters/otlp_http', 'exporters/file'];

describe('finding a Collector', () => {
  it('takes the named one before PATH, and PATH before the cache', async () => {
    using folder = temporaryFolder();
    const env: Record<string, string> = {
      PATH: join(folder.path, 'bin'),
      LLM_OTEL_REAL_DIR: join(folder.path, 'cache'),
    };
    const look = async (more: Record<string, string> = {}) => {
      const { found } = await findCollector({ env: { ...env, ...more }, needed });
      return found && [found.from, found.path];
    };
    expect(await look()).toBeUndefined();
    const cached = lister(builtCollectorPath(env), COLLECTOR_VERSION, ENOUGH);
    expect(await look()).toEqual(['cache', cached]);
    const onPath = lister(join(folder.path, 'bin', 'otelcol-contrib'), `v${COLLECTOR_VERSION}`, ENOUGH);
    expect(await look()).toEqual(['PATH', onPath]);
    const named = lister(join(folder.path, 'my-otelcol'), '0.170.1', ENOUGH);
    expect(await look({ OTELCOL: named })).toEqual(['$OTELCOL', named]);
    const { found } = await findCollector({ env: { ...env, OTELCOL: onPath }, binary: named });
    expect(found).toMatchObject({ from: 'configuration', version: '0.170.1' });
  });

  it('passes over what is too old, lacks something, or is no Collector, and says why', async () => {
    using folder = temporaryFolder();
    const bin = (name: string) => join(folder.path, name);
    lister(bin('a/otelcol'), '0.99.0', ENOUGH);
    lister(bin('b/otelcol'), COLLECTOR_VERSION, { exporters: ['otlp_http'] });
    program(bin('c/otelcol'), 'console.log("hello");');
    program(bin('d/otelcol'), 'console.error("broken here"); process.exit(3);');
    const good = lister(bin('e/otelcol'), COLLECTOR_VERSION, ENOUGH);
    const env = {
      PATH: ['a', 'b', 'c', 'd', 'e'].map(bin).join(':'),
      LLM_OTEL_REAL_DIR: bin('cache'),
    };
    const { found, passedOver } = await findCollector({ env, needed });
    expect(found?.path).toBe(good);
    expect(passedOver).toEqual([
      { path: bin('a/otelcol'), reason: `it is version 0.99.0; ${COLLECTOR_VERSION} or newer is needed` },
      { path: bin('b/otelcol'), reason: 'it lacks exporters/file' },
      { path: bin('c/otelcol'), reason: 'it is no OpenTelemetry Collector' },
      { path: bin('d/otelcol'), reason: expect.stringContaining('broken here') },
    ]);
  });

  it('does not go on without the one that was named', async () => {
    using folder = temporaryFolder();
    const env = { PATH: '', LLM_OTEL_REAL_DIR: folder.path, OTELCOL: join(folder.path, 'nothing') };
    await expect(findCollector({ env })).rejects.toThrow(
      /nothing \(\$OTELCOL\) cannot be used: there is no such file/,
    );
  });
});
