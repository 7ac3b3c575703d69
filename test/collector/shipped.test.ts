import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OWN_COMPONENTS } from '../../src/collector/check/components.ts';
import { at, readLocated, textsOf } from '../../src/collector/check/located.ts';
import { DESTINATIONS, OPTIONS } from '../../src/collector/compose/destinations.ts';
import { findReferences } from '../../src/collector/compose/references.ts';
import { fileSource } from '../../src/collector/compose/source.ts';
import { VARIABLES } from '../../src/collector/compose/variables.ts';
import { CONFIG_FOLDER } from '../../src/collector/config-folder.ts';
import { COLLECTOR_VERSION } from '../../src/collector/version.ts';
import { COLLECTOR_DESTINATIONS } from '../../src/config/index.ts';
import { DURATION_BUCKETS } from '../../src/conventions/index.ts';

const yamlIn = (folder: string) =>
  readdirSync(join(CONFIG_FOLDER, folder))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => `${folder}/${name}`);
const FILES = ['base.yaml', ...yamlIn('destinations'), ...yamlIn('options'), ...yamlIn('scale')];
const read = (file: string) => readFileSync(join(CONFIG_FOLDER, file), 'utf8');
/** Variables of scale/, which nothing composes. */
const SCALE_ONLY = /^(GATEWAY|KAFKA)_/;

describe('collector-config', () => {
  it('has a file for every destination and option, and none beside them', () => {
    expect(yamlIn('destinations').sort()).toEqual(
      COLLECTOR_DESTINATIONS.map((name) => `destinations/${name}.yaml`).sort(),
    );
    expect(yamlIn('options').sort()).toEqual(OPTIONS.map(({ name }) => `options/${name}.yaml`).sort());
    expect(Object.keys(DESTINATIONS).sort()).toEqual([...COLLECTOR_DESTINATIONS].sort());
  });

  it.each(FILES)(
    '%s says at its top what it does, which variables it reads and which version it needs',
    (file) => {
      const text = read(file);
      const top = text.slice(0, text.search(/^[a-z]/m));
      expect(top).toMatch(/^# /);
      expect(top).toContain(`Needs`);
      expect(top.replaceAll(/\s*\n#\s*/g, ' ')).toContain(`Collector ${COLLECTOR_VERSION}`);
      for (const { name } of findReferences(text.slice(top.length))) expect(top, name).toContain(name);
    },
  );

  it('reads no variable that the composer does not know, and the composer knows none that nothing reads', () => {
    const read_ = new Set(FILES.flatMap((file) => findReferences(read(file)).map(({ name }) => name)));
    const known = VARIABLES.map(({ name }) => name);
    expect([...read_].filter((name) => !SCALE_ONLY.test(name)).sort()).toEqual([...known].sort());
  });

  it('puts every destination behind the valve, except what must not be lost', () => {
    for (const name of COLLECTOR_DESTINATIONS) {
      const { value } = readLocated(fileSource(join(CONFIG_FOLDER, `destinations/${name}.yaml`)));
      const pipelines = at(value, 'service', 'pipelines');
      if (pipelines?.kind !== 'map') throw new Error(`${name} has no pipelines`);
      for (const [id, entry] of pipelines.entries) {
        const first = textsOf(at(entry.value, 'processors'))[0]?.text;
        expect([id, first]).toEqual([id, name === 'hub' || name === 'file' ? undefined : 'batch/valve']);
      }
    }
  });

  it('derives latencies in the buckets of the convention', () => {
    const { value } = readLocated(fileSource(join(CONFIG_FOLDER, 'options/span-metrics.yaml')));
    const buckets = textsOf(at(value, 'connectors', 'span_metrics', 'histogram', 'explicit', 'buckets'));
    expect(buckets.map(({ text }) => Number.parseInt(text, 10) / 1000)).toEqual([...DURATION_BUCKETS]);
  });
});

describe('the distribution', () => {
  const go = (name: string) => read(`distribution/${name}`);

  it('has the components that the check takes for its own', () => {
    const listed = (kind: string) => {
      const block = new RegExp(`\\t${kind} += \\[\\]part[^]*?\\n\\t\\}`).exec(go('components.go'))?.[0] ?? '';
      return [...block.matchAll(/^\t\t\{(\w+)\.NewFactory/gm)].map((match) => match[1]);
    };
    const factory: Record<string, string> = {
      otlp_http: 'otlphttp',
      otlp_grpc: 'otlp',
      memory_limiter: 'memorylimiter',
      prometheus_remote_write: 'prometheusremotewrite',
      span_metrics: 'spanmetrics',
      health_check: 'healthcheck',
      file_storage: 'filestorage',
    };
    for (const [kind, types] of Object.entries(OWN_COMPONENTS)) {
      const packages = types.map((type) => {
        const name = factory[type] ?? type;
        return name === 'filestorage' ? name : `${name}${kind.slice(0, -1)}`;
      });
      expect(new Set(listed(kind)), kind).toEqual(new Set(packages));
    }
  });

  it('is of one version, and every module is pinned', () => {
    expect(go('main.go')).toContain(`const version = "${COLLECTOR_VERSION}"`);
    for (const line of go('go.mod').matchAll(/^\t(\S+(?:collector-contrib|io\/collector)\/\S+) (v\S+)/gm)) {
      const [, module, version] = line;
      // Stable modules of a release are numbered v1.N, and the others v0.(N + 94).
      expect(['v0.155.0', 'v1.61.0'], module).toContain(version);
    }
    expect(existsSync(join(CONFIG_FOLDER, 'distribution/go.sum'))).toBe(true);
  });
});
