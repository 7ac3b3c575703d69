import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkConfig, checkEnvironment, findingText, planCollector } from '../../src/collector/index.ts';
import { OPTIONS } from '../../src/collector/compose/destinations.ts';
import { replaceReferences } from '../../src/collector/compose/references.ts';
import { shippedSource } from '../../src/collector/compose/source.ts';
import { VARIABLES } from '../../src/collector/compose/variables.ts';
import { COLLECTOR_DESTINATIONS, parseConfig } from '../../src/config/index.ts';

/** What the destinations need, and nothing more. */
const NEEDED = {
  WANDB_API_KEY: 'weave-key-value',
  WANDB_ENTITY: 'my-team',
  WANDB_PROJECT: 'my-llm',
  OPIK_API_KEY: 'opik-key-value',
  OPIK_WORKSPACE: 'my-team',
  OTLP_ENDPOINT: 'http://otlp.example:4318',
};
const SECRETS = {
  LLM_OTEL_HUB_TOKEN: 'hub-token-value',
  MLFLOW_AUTHORIZATION: 'Basic mlflow-value',
  OTLP_AUTHORIZATION: 'Bearer otlp-value',
  REMOTE_WRITE_AUTHORIZATION: 'Bearer write-value',
};

const subsets = Array.from({ length: 2 ** COLLECTOR_DESTINATIONS.length }, (_, bits) =>
  COLLECTOR_DESTINATIONS.filter((_name, i) => (bits >> i) & 1),
);

type Tree = { [key: string]: unknown };
const isTree = (value: unknown): value is Tree =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
/** Merge as the Collector's documentation has it: maps deeply, all else replaced. */
function deepMerge(a: Tree, b: Tree): Tree {
  const result = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const before = result[key];
    result[key] = isTree(before) && isTree(value) ? deepMerge(before, value) : value;
  }
  return result;
}

describe('a composed configuration', () => {
  it('passes the check for every subset of destinations, in files and as one', { timeout: 120_000 }, () => {
    expect(subsets).toHaveLength(512);
    for (const destinations of subsets) {
      const plan = planCollector({ destinations, env: NEEDED });
      const env = checkEnvironment(plan, NEEDED);
      expect(checkConfig(plan.sources, { env }).map(findingText), destinations.join()).toEqual([]);
      const final = [{ name: 'final', text: plan.yaml }];
      expect(checkConfig(final, { env }).map(findingText), destinations.join()).toEqual([]);
    }
  });

  it('loses no list of the base, whatever is set beside it', () => {
    const base = parse(shippedSource('base.yaml').text) as {
      service: { extensions: string[]; pipelines: Tree };
    };
    const env = { ...NEEDED, ...SECRETS, MLFLOW_RUN_ID: 'r1' };
    const plan = planCollector({
      destinations: COLLECTOR_DESTINATIONS,
      env,
      spanMetrics: true,
      config: { collector: { file: { optional: true } } },
    });
    expect(plan.sources).toHaveLength(1 + COLLECTOR_DESTINATIONS.length + OPTIONS.length);
    expect(checkConfig(plan.sources, { env }).map(findingText)).toEqual([]);
    const final = parse(plan.yaml) as typeof base;
    expect(final.service.extensions).toEqual(base.service.extensions);
    expect(final.service.pipelines).toMatchObject(base.service.pipelines);
  });

  it('is what the Collector makes of the files and the variables', () => {
    const env: Record<string, string> = {
      ...NEEDED,
      HUB_ENDPOINT: 'http://hub.example:4319',
      OTELCOL_MEMORY_MIB: '512',
    };
    const plan = planCollector({ destinations: COLLECTOR_DESTINATIONS, env });
    const secret = new Set(VARIABLES.filter((variable) => variable.secret).map(({ name }) => name));
    const values = checkEnvironment(plan, env);
    const substituted = plan.sources.map(
      ({ text }) =>
        // A comment may name a variable in any form; only values count.
        parse(
          replaceReferences(text.replaceAll(/(^|\s)#.*$/gm, '$1'), ({ name, fallback }) =>
            secret.has(name) ? undefined : (values[name] ?? fallback),
          ),
        ) as Tree,
    );
    expect(parse(plan.yaml)).toEqual(substituted.reduce(deepMerge));
  });

  it('takes a value from the flag, else the environment, else monitoring.yaml, and says which', () => {
    const { config } = parseConfig(
      'monitoring: {collector: {ports: {http: 1111}, hub: {endpoint: "http://file:1"}}, hub: {port: 9999}}',
    );
    const hub = (env: Record<string, string>, flags: Record<string, string | undefined> = {}) =>
      planCollector({ config, env, flags })
        .yaml.match(/endpoint: "http:\/\/(.*)" # HUB_ENDPOINT: (.*)/)
        ?.slice(1);
    expect(hub({})).toEqual(['file:1', 'monitoring.yaml']);
    expect(hub({ HUB_ENDPOINT: 'http://env:1' })).toEqual(['env:1', 'environment']);
    expect(hub({ HUB_ENDPOINT: '' })).toEqual(['file:1', 'monitoring.yaml']);
    expect(hub({ HUB_ENDPOINT: 'http://env:1' }, { HUB_ENDPOINT: 'http://flag:1' })).toEqual([
      'flag:1',
      'flag',
    ]);
    expect(planCollector({ config }).endpoints.http).toBe('http://127.0.0.1:1111');
    expect(planCollector({ config: { hub: { host: '0.0.0.0', port: 9999 } } }).yaml).toContain(
      'endpoint: "http://127.0.0.1:9999" # HUB_ENDPOINT: monitoring.yaml',
    );
  });

  it('takes what other sections of monitoring.yaml say about the same service', () => {
    const { config } = parseConfig(`monitoring:
  experiment_tracking:
    mlflow: {tracking_uri: "http://mlflow.example:5000/"}
    wandb: {entity: team-a, project: project-a}
    comet: {workspace: team-b, project_name: project-b, api_key: comet-key-value}
  collector: {destinations: [mlflow, weave, opik], mlflow: {experiment_id: 7, queue_size: 1GiB}}
`);
    const plan = planCollector({ config, env: { WANDB_API_KEY: 'k1' } });
    const { exporters, processors } = parse(plan.yaml) as Record<string, Record<string, never>>;
    expect(exporters?.['otlp_http/mlflow']).toMatchObject({
      endpoint: 'http://mlflow.example:5000',
      headers: { 'x-mlflow-experiment-id': '7' },
      sending_queue: { queue_size: 2 ** 30 },
    });
    expect(exporters?.['otlp_http/opik']).toMatchObject({
      headers: {
        'Comet-Workspace': 'team-b',
        projectName: 'project-b',
        Authorization: '${env:OPIK_API_KEY}',
      },
    });
    expect(processors?.['resource/weave']).toMatchObject({
      attributes: [{ value: 'team-a' }, { value: 'project-a' }],
    });
    expect(plan.secrets).toEqual({ WANDB_API_KEY: 'k1', OPIK_API_KEY: 'comet-key-value' });
  });

  it('never holds a secret', () => {
    const env = { ...NEEDED, ...SECRETS, HUB_ENDPOINT: 'http://user:hub-password@hub.example' };
    const { yaml } = planCollector({ destinations: COLLECTOR_DESTINATIONS, env });
    for (const value of [
      'key-value',
      'token-value',
      'mlflow-value',
      'otlp-value',
      'write-value',
      'hub-password',
    ])
      expect(yaml).not.toContain(value);
    expect(yaml).toContain('"Bearer ${env:LLM_OTEL_HUB_TOKEN}"');
    expect(yaml).toContain('"${env:HUB_ENDPOINT:-http://127.0.0.1:4319}"');
  });

  it('makes the header of MLflow out of its own variables', () => {
    const secrets = (env: Record<string, string>) => planCollector({ destinations: ['mlflow'], env }).secrets;
    expect(secrets({ MLFLOW_TRACKING_USERNAME: 'ada', MLFLOW_TRACKING_PASSWORD: 'pä' })).toEqual({
      MLFLOW_AUTHORIZATION: `Basic ${Buffer.from('ada:pä').toString('base64')}`,
    });
    expect(secrets({ MLFLOW_TRACKING_TOKEN: 't1' })).toEqual({ MLFLOW_AUTHORIZATION: 'Bearer t1' });
    expect(secrets({ MLFLOW_AUTHORIZATION: 'x', MLFLOW_TRACKING_TOKEN: 't1' })).toEqual({
      MLFLOW_AUTHORIZATION: 'x',
    });
    expect(secrets({})).toEqual({});
  });

  it('writes a dollar so that the Collector does not read a reference', () => {
    const { yaml } = planCollector({ destinations: ['file'], env: { OTELCOL_FILES: '/data/${env:HOME}' } });
    expect(yaml).toContain('path: "/data/$${env:HOME}/traces.jsonl"');
  });

  it('merges files of the user last', () => {
    expect(() => planCollector({ overlays: ['./not-there.yaml'] })).toThrow(
      /the Collector file \.\/not-there\.yaml cannot be read/,
    );
  });
});
