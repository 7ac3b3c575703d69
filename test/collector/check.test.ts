import { describe, expect, it } from 'vitest';
import { checkConfig, findingText, planCollector } from '../../src/collector/index.ts';

const plan = planCollector({ destinations: ['hub', 'file'] });

/** Findings about an overlay beside base, hub and file. */
function check(overlay: string, env: Record<string, string> = {}): string[] {
  return checkConfig([...plan.sources, { name: 'my.yaml', text: overlay }], { env })
    .map(findingText)
    .filter((text) => text.startsWith('my.yaml'));
}

/** A destination as it should be; `more` stands inside its exporter. */
const destination = (more = '', type = 'otlp_http') => `exporters:
  ${type}/mine:
    endpoint: http://mine:4318
    retry_on_failure: {max_elapsed_time: 0}
    ${more || 'sending_queue: {storage: file_storage/queue}'}
service:
  pipelines:
    traces/mine: {receivers: [forward/in], processors: [batch/valve], exporters: [${type}/mine]}
`;

describe('the check of an overlay', () => {
  it('takes one that composes', () => {
    expect(check(destination())).toEqual([]);
  });

  it.each([
    [
      'a list that takes from the base',
      'service:\n  pipelines:\n    traces/in: {exporters: [nop/none]}\n',
      /^my\.yaml:3:28: error: service\.pipelines\.traces\/in\.exporters: replaces the list of base\.yaml:\d+ and loses forward\/in/,
    ],
    [
      'extensions that leave the base out',
      'service:\n  extensions: [health_check]\n',
      /^my\.yaml:2:15: error: service\.extensions: replaces the list of base\.yaml:\d+ and loses file_storage\/queue/,
    ],
    [
      'an empty value that removes a section',
      'exporters:\n',
      /^my\.yaml:1:1: error: exporters: an empty value removes the map of base\.yaml:\d+/,
    ],
    [
      'an unknown component',
      'exporters:\n  otlp_htp/x: {endpoint: "http://a"}\n',
      /^my\.yaml:2:3: error: exporters\.otlp_htp\/x: unknown exporter otlp_htp; did you mean otlp_http\?/,
    ],
    [
      'an unknown section',
      'exporter: {}\n',
      /^my\.yaml:1:1: error: exporter: unknown section; did you mean exporters\?/,
    ],
    [
      'a pipeline that names what is not there',
      'service:\n  pipelines:\n    logs/x: {receivers: [forward/inn], exporters: [otlp_http/hub]}\n',
      /^my\.yaml:3:26: error: service\.pipelines\.logs\/x\.receivers: names forward\/inn, which is not defined.*did you mean forward\/in\?/,
    ],
    [
      'a processor that is not there',
      'service:\n  pipelines:\n    logs/x: {receivers: [forward/in], processors: [batch/valv], exporters: [otlp_http/hub]}\n',
      /^my\.yaml:3:52: error: .*names batch\/valv, which is not defined under processors; did you mean batch\/valve\?/,
    ],
    [
      'a pipeline of no signal',
      'service:\n  pipelines:\n    trace/x: {receivers: [forward/in], exporters: [otlp_http/hub]}\n',
      /^my\.yaml:3:5: error: .*did you mean traces\/x\?/,
    ],
    [
      'a pipeline without exporters',
      'service:\n  pipelines:\n    traces/x: {receivers: [forward/in]}\n',
      /^my\.yaml:3:5: error: service\.pipelines\.traces\/x: has no exporters/,
    ],
    [
      'a connector that leads nowhere',
      'connectors:\n  forward/out: {}\nservice:\n  pipelines:\n    traces/x: {receivers: [forward/in], exporters: [forward/out]}\n',
      /^my\.yaml:2:3: error: connectors\.forward\/out: is only among exporters of pipelines/,
    ],
    [
      'an old name',
      destination('', 'otlphttp'),
      /^my\.yaml:2:3: warning: exporters\.otlphttp\/mine: otlphttp is the old name of otlp_http.*write otlp_http\/mine/,
    ],
    [
      'a name that is gone',
      'exporters:\n  logging: {}\n',
      /^my\.yaml:2:3: error: exporters\.logging: logging was removed from the Collector; use debug/,
    ],
    [
      'a component of another distribution',
      'exporters:\n  clickhouse: {}\n',
      /^my\.yaml:2:3: warning: exporters\.clickhouse: clickhouse is not in the distribution of llm-otel/,
    ],
    [
      'an unknown key of a component',
      destination('sending_queue: {storage: file_storage/queue, queue_sze: 5}'),
      /^my\.yaml:5:50: error: exporters\.otlp_http\/mine\.sending_queue\.queue_sze: unknown key; did you mean queue_size\?/,
    ],
    [
      'a setting that is gone',
      destination('sending_queue: {storage: file_storage/queue, blocking: true}'),
      /^my\.yaml:5:50: error: .*sending_queue\.blocking: was removed \(0\.129\); write block_on_overflow/,
    ],
    [
      'metrics at the address of old',
      'service:\n  telemetry:\n    metrics:\n      address: 127.0.0.1:8888\n',
      /^my\.yaml:4:7: error: service\.telemetry\.metrics\.address: was removed \(0\.123\)/,
    ],
    [
      'a storage that nobody started',
      destination('sending_queue: {storage: file_storage/other}'),
      /^my\.yaml:5:30: error: .*storage: names file_storage\/other, which is not defined under extensions/,
    ],
    [
      'a queue in memory',
      destination('sending_queue: {queue_size: 10}'),
      /^my\.yaml:5:20: warning: .*queues in memory/,
    ],
    [
      'a queue that makes all wait',
      destination('sending_queue: {storage: file_storage/queue, block_on_overflow: true}'),
      /^my\.yaml:5:69: warning: .*every other one waits for it/,
    ],
    [
      'a port that is taken',
      'receivers:\n  otlp/2: {protocols: {http: {endpoint: "127.0.0.1:4318"}}}\nservice:\n  pipelines:\n    traces/2: {receivers: [otlp/2], exporters: [forward/in]}\n',
      /^my\.yaml:2:41: error: receivers\.otlp\/2\.protocols\.http\.endpoint: listens on port 4318, as receivers\.otlp\.protocols\.http\.endpoint does/,
    ],
    ['YAML that is none', 'exporters: [\n', /^my\.yaml:\d+:\d+: error: not valid YAML/],
    ['what is no map', '- a\n', /^my\.yaml:1:1: error: expected a map/],
    [
      'a key that is there twice',
      'exporters: {}\nexporters: {}\n',
      /^my\.yaml:2:1: error: not valid YAML: Map keys must be unique/,
    ],
  ])('finds %s, with its line', (_what, overlay, expected) => {
    const found = check(overlay);
    expect(
      found.some((text) => expected.test(text)),
      found.join('\n'),
    ).toBe(true);
  });
});

describe('the check of variables', () => {
  const header = (value: string) =>
    destination(`sending_queue: {storage: file_storage/queue}\n    headers: {authorization: "${value}"}`);

  it('asks for a variable that is missing, and takes one that is set', () => {
    expect(check(header('${env:MY_AUTH}'))).toEqual([
      'my.yaml:6:30: error: exporters.otlp_http/mine.headers.authorization: environment variable MY_AUTH is not set',
    ]);
    expect(check(header('${env:MY_AUTH}'), { MY_AUTH: 'Bearer abcdef' })).toEqual([]);
  });

  it.each(['none', 'Bearer none', 'null', 'changeme', '-'])('refuses a credential that is %s', (value) => {
    expect(check(header(`\${env:MY_AUTH:-${value}}`))).toEqual([
      `my.yaml:6:30: error: exporters.otlp_http/mine.headers.authorization: sends ${JSON.stringify(value)} when MY_AUTH is not set; leave the default away`,
    ]);
    expect(check(header(value))[0]).toContain('is a placeholder, and would be sent as it is');
    expect(check(header('${env:MY_AUTH}'), { MY_AUTH: value })[0]).toContain('MY_AUTH holds a placeholder');
  });

  it('refuses an empty default, and the form of old', () => {
    expect(check(header('Bearer ${env:MY_AUTH:-}'))[0]).toContain('has an empty default');
    expect(check('exporters:\n  debug/x: {output_paths: [$HOME/x]}\n').join()).toContain(
      '$NAME is no longer read',
    );
  });

  it('shows no value of a credential', () => {
    expect(check(header('Bearer very-secret-value')).join('\n')).toMatch(/is a secret in a file/);
    expect(check(header('Bearer very-secret-value')).join('\n')).not.toContain('very-secret-value');
    expect(check(header('${env:MY_AUTH}'), { MY_AUTH: '<very-secret-value>' }).join('\n')).not.toContain(
      'very-secret',
    );
  });
});

describe('the check of a whole set', () => {
  it('misses the base', () => {
    const [, hub] = plan.sources;
    const found = checkConfig(hub ? [hub] : []).map(({ message }) => message);
    expect(found.join('\n')).toContain(
      'names forward/in, which is not defined under receivers or connectors',
    );
  });

  it('judges by the components of the Collector at hand', () => {
    const overlay = { name: 'my.yaml', text: 'exporters:\n  clickhouse: {}\n' };
    const found = checkConfig([...plan.sources, overlay], { components: new Set(['exporters/clickhouse']) });
    expect(found.map(({ message }) => message)).toEqual(['no pipeline uses it']);
    const without = checkConfig([...plan.sources, overlay], { components: new Set() });
    expect(without.map(({ severity }) => severity)).toContain('error');
  });
});
