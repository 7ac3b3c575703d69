import { describe, expect, it } from 'vitest';
import { formatDuration, table, visible } from '../../src/cli/output.ts';
import { programName } from '../../src/cli/observe-program.ts';
import {
  configEnvironment,
  sharedObservers,
  telemetryEnvironment,
  withMachine,
  withRegister,
} from '../../src/cli/run.ts';
import { parseConfig } from '../../src/config/index.ts';

describe('llm-otel run', () => {
  it('gives node the import as an argument, and other programs through NODE_OPTIONS beside what is there', () => {
    expect(withRegister(['node', 'server.mjs', '--x'], {}, 'file:///r.js').command).toEqual([
      'node',
      '--import',
      'file:///r.js',
      'server.mjs',
      '--x',
    ]);
    expect(withRegister(['/usr/bin/node', 'a'], {}, 'file:///r.js').command[1]).toBe('--import');
    const npm = withRegister(['npm', 'start'], { NODE_OPTIONS: '--max-old-space-size=100' }, 'file:///r.js');
    expect(npm.command).toEqual(['npm', 'start']);
    expect(npm.env['NODE_OPTIONS']).toBe('--max-old-space-size=100 --import=file:///r.js');
  });

  it('sets what is missing and leaves what the user has set', () => {
    const env = telemetryEnvironment(
      { OTEL_METRICS_EXPORTER: 'console', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
      { serviceName: 'trainer', launchId: 'l' },
    );
    expect(env).toMatchObject({
      OTEL_METRICS_EXPORTER: 'console',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_SERVICE_NAME: 'trainer',
    });
    expect(
      telemetryEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: 'a' }, { endpoint: 'b', launchId: 'l' })[
        'OTEL_EXPORTER_OTLP_ENDPOINT'
      ],
    ).toBe('b');
  });

  it('names the launch in the resource attributes, beside those of the user, anew in a nested one', () => {
    const attributes = (given?: string): string | undefined =>
      telemetryEnvironment({ OTEL_RESOURCE_ATTRIBUTES: given }, { launchId: 'l' })[
        'OTEL_RESOURCE_ATTRIBUTES'
      ];
    expect(attributes()).toBe('llm.launch.id=l');
    expect(attributes('team=a,')).toBe('team=a,llm.launch.id=l');
    expect(attributes('llm.launch.id=outer, team=a')).toBe(' team=a,llm.launch.id=l');
  });

  it('tells a program that is not Node of its machine, percent-encoded, below what the user says', () => {
    const machine = { 'host.gpus': 'H100, H100', 'host.memory.size': 1024, 'process.runtime.name': 'nodejs' };
    const attributes = (env: NodeJS.ProcessEnv) => withMachine(env, machine)['OTEL_RESOURCE_ATTRIBUTES'];
    expect(attributes({})).toBe('host.gpus=H100%2C%20H100,host.memory.size=1024');
    expect(attributes({ OTEL_RESOURCE_ATTRIBUTES: 'host.gpus=mine' })).toBe(
      'host.gpus=H100%2C%20H100,host.memory.size=1024,host.gpus=mine',
    );
  });

  it('hands the recording parts of monitoring.yaml on as variables', () => {
    const { config } = parseConfig(`
monitoring:
  experiment_tracking: {capture_console: true, wandb: {console: wrap}}
  serving: {slo: {time_to_first_token: 500ms, request_duration: 10s}, routes: [/generate, /api/chat]}
  observers: {host: {enabled: false}, gpu: {interval: 5s}}
`);
    expect(configEnvironment(config)).toEqual({
      LLM_OTEL_CAPTURE_CONSOLE: 'true',
      LLM_OTEL_SLO_TTFT: '500ms',
      LLM_OTEL_SLO_DURATION: '10000ms',
      LLM_OTEL_LLM_ROUTES: '/generate,/api/chat',
      LLM_OTEL_OBSERVERS: 'runtime,gpu:5000ms',
    });
    expect(configEnvironment({})).toEqual({});
  });
});

describe('a program that is not Node', () => {
  const all = { host: {}, runtime: {}, gpu: { interval: 2000 } };
  it('is observed from here, and what it starts of Node only by its own event loop', () => {
    expect(sharedObservers(['python3', 'train.py'], all)).toEqual({
      here: { host: {}, gpu: { interval: 2000 } },
      there: { runtime: {} },
    });
    expect(sharedObservers(['/usr/bin/node', 'train.mjs'], all)).toEqual({ here: {}, there: all });
  });

  it('is called as its script is', () => {
    const names = [
      'python3 -u ./train.py --epochs 3',
      'python -m pkg.train',
      'torchrun --nproc 8 sft.py',
      '/bin/sh -c x',
    ];
    expect(names.map((line) => programName(line.split(' ')))).toEqual(['train', 'pkg.train', 'sft', 'sh']);
  });
});

describe('output of the commands', () => {
  it('aligns numbers to the right and shows control characters instead of sending them', () => {
    expect(
      table(
        ['run', 'steps'],
        [
          ['a\u001b[31mb', 7],
          ['long name', 1234],
        ],
      ).split('\n'),
    ).toEqual(['run         steps', '----------  -----', 'a\\x1b[31mb      7', 'long name    1234']);
    expect(visible('\u0007')).toBe('\\x07');
  });

  it('shows a duration in the two units that matter', () => {
    expect([900, 59_000, 61_000, 3_600_000 * 5 + 60_000, 86_400_000 * 2].map(formatDuration)).toEqual([
      '0.9 s',
      '59 s',
      '1 m 1 s',
      '5 h 1 m',
      '2 d 0 h',
    ]);
  });
});
