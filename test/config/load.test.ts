import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../src/config/index.ts';
import { knownKeys } from '../../src/config/load.ts';
import { nearest } from '../../src/conventions/nearest.ts';
import { catalogueEntry } from '../../src/conventions/index.ts';

const EXAMPLE = readFileSync(new URL('../../examples/monitoring.yaml', import.meta.url), 'utf8');

function problems(text: string, env: Record<string, string> = {}): string[] {
  try {
    parseConfig(text, { env });
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('monitoring.yaml', () => {
  it('takes the documented example as it stands, with no variable set', () => {
    const { config } = parseConfig(EXAMPLE, { env: {} });
    expect(config.hub).toEqual({
      host: '127.0.0.1',
      port: 4319,
      data_dir: './.llm-otel',
      retention: 30 * 86_400_000,
    });
    expect(config.dashboard).toEqual({
      refresh_interval: 10_000,
      time_window: 6 * 3_600_000,
      auto_refresh: true,
    });
    expect(config.serving?.slo).toEqual({
      time_to_first_token: 500,
      time_per_output_token: 50,
      request_duration: 10_000,
    });
    expect(config.alerts?.rules?.map((rule) => rule.duration)).toEqual([300_000, 120_000, 60_000, 180_000]);
  });

  it('names every section without a room in one warning', () => {
    const { warnings } = parseConfig(EXAMPLE, { env: {} });
    expect(warnings).toHaveLength(1);
    for (const section of ['alerts']) expect(warnings[0]).toContain(section);
    expect(parseConfig('monitoring: {hub: {port: 1}}').warnings).toEqual([]);
  });

  it('knows every metric that the rules of the example name', () => {
    for (const rule of parseConfig(EXAMPLE, { env: {} }).config.alerts?.rules ?? [])
      expect(catalogueEntry(rule.metric), rule.metric).toBeDefined();
  });

  it('says where an unknown key stands and which one is meant', () => {
    expect(problems('monitoring:\n  hub:\n    prot: 1\n')).toEqual([
      'monitoring.yaml:3:5: monitoring.hub.prot: unknown key; did you mean port?',
    ]);
    expect(problems('monitoring:\n  dashbord: {}\n')[0]).toContain('did you mean dashboard?');
    expect(problems('monitoring: {hub: {xyzzy: 1}}')[0]).toContain('known here: host, port');
  });

  it('reports every problem of the file at once, in its order', () => {
    expect(
      problems(
        'monitoring:\n  hub:\n    port: 99999\n    retention: soon\n  alerts:\n    rules:\n      - {name: a, metric: train/loss, condition: "=>", threshold: high}\n',
      ),
    ).toEqual([
      'monitoring.yaml:3:5: monitoring.hub.port: expected a port, 0 to 65535, got 99999',
      'monitoring.yaml:4:5: monitoring.hub.retention: expected a duration such as 500ms, 10s, 5m, 6h or 30d, got "soon"',
      'monitoring.yaml:7:39: monitoring.alerts.rules[0].condition: expected one of >, >=, <, <=, ==, !=, got "=>"; did you mean >=?',
      'monitoring.yaml:7:56: monitoring.alerts.rules[0].threshold: expected a number, got "high"',
    ]);
  });

  it('names every key of a section that is not known', () => {
    expect(
      problems('monitoring:\n  hub:\n    prot: 1\n    hots: a\n    port: 1\n    xyzzy: 2\n').map(
        (line) => line.split(': ')[1],
      ),
    ).toEqual(['monitoring.hub.prot', 'monitoring.hub.hots', 'monitoring.hub.xyzzy']);
  });

  it('knows the destinations of the Collector and which one is meant', () => {
    expect(problems('monitoring:\n  collector:\n    destinations: [hub, mlfow]\n')).toEqual([
      'monitoring.yaml:3:25: monitoring.collector.destinations[1]: expected one of hub, file, mlflow, weave, opik, prometheus, remote-write, otlp, debug, got "mlfow"; did you mean mlflow?',
    ]);
    expect(problems('monitoring: {collector: {remote-write: {endpiont: "http://a"}}}')[0]).toContain(
      'did you mean endpoint?',
    );
  });

  it('says which key of a rule is missing', () => {
    expect(
      problems('monitoring:\n  alerts:\n    rules:\n      - {name: a, metric: b, condition: ">"}\n'),
    ).toEqual(['monitoring.yaml:4:9: monitoring.alerts.rules[0].threshold: is missing']);
  });

  it('says where the YAML is broken', () => {
    expect(problems('monitoring:\n  hub: {port: 1\n')[0]).toMatch(
      /^monitoring\.yaml:\d+:\d+: not valid YAML/,
    );
  });

  it('says what stands there and which word is meant, but shows neither texts nor variables, which may be secrets', () => {
    expect(problems('monitoring: {experiment_tracking: {platform: wandbb}}')[0]).toContain(
      'expected one of wandb, mlflow, comet, local, multi, got "wandbb"; did you mean wandb?',
    );
    expect(problems('monitoring: {hub: {max_size: 4 pounds}}')[0]).toContain('such as 4GiB, got "4 pounds"');
    expect(problems('monitoring: {hub: {token: 5551234}}')[0]).toMatch(/expected text$/);
    expect(problems('monitoring: {hub: {port: "${T}"}}', { T: 'secret' })[0]).toMatch(/0 to 65535$/);
    expect(problems('monitoring: {hub: {retention: "${T}"}}', { T: 'secret' })[0]).not.toContain('secret');
  });

  it('says what is missing around the keys', () => {
    expect(problems('hub:\n  port: 1\n')).toEqual([
      'monitoring.yaml:1:1: hub: belongs below the key monitoring',
    ]);
    expect(problems('- hub\n')).toEqual(['monitoring.yaml:1:1: expected a map with the key monitoring']);
  });

  it('takes an empty file', () => {
    expect(parseConfig('').config).toEqual({});
    expect(parseConfig('monitoring:').config).toEqual({});
  });
});

describe('environment variables in monitoring.yaml', () => {
  const SLACK =
    'monitoring:\n  alerts:\n    channels:\n      slack: {enabled: ENABLED, webhook_url: "${SLACK_WEBHOOK_URL}"}\n';

  it('asks by name for a variable that is needed, and not for one that is not', () => {
    expect(problems(SLACK.replace('ENABLED', 'true'))).toEqual([
      'monitoring.yaml:4:30: monitoring.alerts.channels.slack.webhook_url: environment variable SLACK_WEBHOOK_URL is not set; set it, or write ${SLACK_WEBHOOK_URL:-default}',
    ]);
    expect(problems(SLACK.replace('ENABLED', 'false'))).toEqual([]);
  });

  it('asks for the key of the chosen tracker only', () => {
    const comet =
      'monitoring:\n  experiment_tracking:\n    platform: PLATFORM\n    platforms: [local]\n    comet: {api_key: "${COMET_API_KEY}"}\n';
    expect(problems(comet.replace('PLATFORM', 'comet'))).toHaveLength(1);
    expect(problems(comet.replace('PLATFORM', 'multi'))).toEqual([]);
    expect(problems(comet.replace('PLATFORM', 'multi').replace('[local]', '[local, comet]'))).toHaveLength(1);
  });

  it('never shows a secret, whatever is done with the configuration', () => {
    const env = { SLACK_WEBHOOK_URL: 'https://hooks.slack.example/T000/very-secret' };
    const { config } = parseConfig(SLACK.replace('ENABLED', 'true'), { env });
    expect(config.alerts?.channels?.slack?.webhook_url?.reveal()).toBe(env.SLACK_WEBHOOK_URL);
    expect(
      JSON.stringify(config) +
        inspect(config, { depth: 9 }) +
        String(config.alerts?.channels?.slack?.webhook_url),
    ).not.toContain('very-secret');
    expect(
      problems(SLACK.replace('ENABLED', 'true'), { SLACK_WEBHOOK_URL: 'very-secret-but-no-url' }).join(),
    ).not.toContain('very-secret');
  });

  it('reads an unquoted reference as YAML, a quoted one as text, and knows defaults and the escape', () => {
    const read = (hub: string, env: Record<string, string> = {}) =>
      parseConfig(`monitoring:\n  hub:\n    ${hub}\n`, { env }).config.hub;
    expect(read('port: ${PORT}', { PORT: '4000' })).toEqual({ port: 4000 });
    expect(problems('monitoring: {hub: {port: "${PORT}"}}', { PORT: '4000' })).toHaveLength(1);
    expect(read('data_dir: "${DIR:-/tmp/x}"')).toEqual({ data_dir: '/tmp/x' });
    expect(read('data_dir: "a-$${DIR}"')).toEqual({ data_dir: 'a-${DIR}' });
  });
});

describe('the nearest known word', () => {
  it('is found for a slip and not for a stranger', () => {
    expect(nearest('treshold', ['name', 'threshold'])).toBe('threshold');
    expect(nearest('condiiton', ['condition'])).toBe('condition');
    expect(nearest('banana', ['host', 'port'])).toBeUndefined();
  });
});

describe('known keys', () => {
  it('are found inside lists and optional parts', () => {
    expect(knownKeys(['monitoring', 'alerts', 'rules', 0])).toContain('threshold');
  });
});
