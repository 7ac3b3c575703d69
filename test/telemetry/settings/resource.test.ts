import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Environment, EnvironmentReader } from '../../../src/telemetry/settings/environment-reader.ts';
import { type ProcessFacts, resolveResource } from '../../../src/telemetry/settings/resource.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'llm-otel-resource-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

function resolve(env: Environment, options: Parameters<typeof resolveResource>[0] = {}, main?: string) {
  const warnings: string[] = [];
  const facts: ProcessFacts = { cwd, mainScript: main, host: 'gpu-7', pid: 42, instanceId: 'an-id' };
  return {
    attributes: resolveResource(options, new EnvironmentReader(env, (w) => warnings.push(w)), facts),
    warnings,
  };
}

describe('the resource', () => {
  it('says which process it is', () => {
    expect(resolve({}, {}, '/srv/train.mjs').attributes).toMatchObject({
      'service.name': 'train',
      'service.instance.id': 'an-id',
      'host.name': 'gpu-7',
      'process.pid': 42,
      'telemetry.sdk.name': 'opentelemetry',
      'telemetry.sdk.language': 'nodejs',
    });
  });

  it('takes the name of the package, else of the script, else says that it is unknown', () => {
    expect(resolve({}).attributes['service.name']).toBe('unknown_service:node');
    writeFileSync(join(cwd, 'package.json'), '{broken');
    expect(resolve({}, {}, '/x/serve.ts').attributes['service.name']).toBe('serve');
    writeFileSync(join(cwd, 'package.json'), '{"name": "@team/app"}');
    expect(resolve({}, {}, '/x/serve.ts').attributes['service.name']).toBe('@team/app');
  });

  it('lets options win over defaults, and the environment over options', () => {
    const options = {
      serviceName: 'code',
      serviceVersion: '1',
      resourceAttributes: { team: 'a', zone: 'z' },
    };
    expect(resolve({}, options).attributes).toMatchObject({
      'service.name': 'code',
      'service.version': '1',
      team: 'a',
    });
    const env = {
      OTEL_SERVICE_NAME: 'ops',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,team=b,service.instance.id=mine,note=a%2Cb',
    };
    const { attributes, warnings } = resolve(env, options);
    expect(attributes).toMatchObject({
      'service.name': 'ops',
      team: 'b',
      zone: 'z',
      'service.instance.id': 'mine',
      note: 'a,b',
    });
    expect(warnings).toEqual([]);
  });

  it('loses only the pair that cannot be read', () => {
    const { attributes, warnings } = resolve({ OTEL_RESOURCE_ATTRIBUTES: 'a=1,broken,b=%zz,c=3' });
    expect(attributes).toMatchObject({ a: '1', c: '3' });
    expect(attributes).not.toHaveProperty('b');
    expect(warnings).toHaveLength(2);
  });
});
