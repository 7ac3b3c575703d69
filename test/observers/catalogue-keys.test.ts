/** Every key of the catalogue that an observer stands behind: from files and a driver, through OTLP, to the hub's API. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import { CATALOGUE, type TilesResponse } from '../../src/conventions/index.ts';
import { startHub } from '../../src/hub/index.ts';
import { write } from './fixture-tree.ts';
import { NvmlStub, stubPossible } from './gpu/nvml-stub.ts';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const GIB = 1024 ** 3;
const PAGE = 4096;
const positive = 'positive';

/** The stand-in for the driver: eight GPUs, of which 4 is looked at, and 2 is too hot. */
const GPUS: Record<string, number | typeof positive> = {
  'gpu_4/gpu_utilization': 0.45,
  'gpu_4/gpu_utilization_max': 0.45,
  'gpu_4/memory_utilization': 5 / 80,
  'gpu_4/memory_used_gb': 5,
  'gpu_4/memory_used_max_gb': 5,
  'gpu_4/memory_total_gb': 80,
  'gpu_4/memory_controller_utilization': 0.21,
  'gpu_4/temperature': 44,
  'gpu_4/temperature_max': 44,
  'gpu_4/power_usage': 304,
  'gpu_4/power_usage_max': 304,
  'gpu_4/power_limit': 700,
  'gpu_4/sm_clock': 1604e6,
  'gpu_4/throttled': 0,
  'gpu_2/throttled': 1,
  'gpu_4/failed': 0,
  'gpu_4/ecc_errors': 0,
  'gpu/power_usage': 8 * 300 + 28,
};
/** Eight GPUs that used 450 J each; four steps of 100 tokens, two requests of 30. */
const ENERGY: Record<string, number | typeof positive> = {
  'energy/joules_per_step': 3600 / 4,
  'energy/joules_per_training_token': 3600 / 400,
  'energy/joules_per_request': 3600 / 2,
  'energy/joules_per_output_token': 3600 / 60,
};
/** What fixtures/server and programs/everything.ts say. */
const HOST: Record<string, number | typeof positive> = {
  'system/cpu_percent': 25,
  'system/cpu_percent_max': 25,
  'system/load_average': 1.36,
  'system/memory_percent': 37.5,
  'system/memory_used_gb': (6_000_000 * 1024) / GIB,
  'system/memory_available_gb': (10_000_000 * 1024) / GIB,
  'system/swap_percent': 25,
  'system/disk_percent': (600 / 950) * 100,
  'system/disk_read_bytes_per_second': positive,
  'system/disk_write_bytes_per_second': positive,
  'system/network_receive_bytes_per_second': positive,
  'system/network_transmit_bytes_per_second': positive,
  'container/cpu_percent': 50,
  'container/cpu_throttled_ratio': positive,
  'container/memory_percent': 50,
  'container/memory_used_gb': 4,
  'process/cpu_percent': 25,
  'process/memory_rss_gb': ((22_500 + 1000) * PAGE) / GIB,
  'process/memory_rss_max_gb': ((22_500 + 1000) * PAGE) / GIB,
  'process/open_files': 4 + 2,
  'process/children': 1,
  'process/eventloop_delay': positive,
  'process/eventloop_utilization': positive,
};

const FILES = {
  'proc/self/cgroup': '0::/job\n',
  'sys/fs/cgroup/job/memory.current': `${6 * GIB}\n`,
  'sys/fs/cgroup/job/memory.max': `${8 * GIB}\n`,
  'sys/fs/cgroup/job/memory.stat': `anon ${3 * GIB}\ninactive_file ${2 * GIB}\n`,
  'sys/fs/cgroup/job/memory.events': 'oom_kill 0\n',
  'sys/fs/cgroup/job/cpu.max': '150000 100000\n',
  'sys/fs/cgroup/job/cpu.stat':
    'usage_usec 0\nuser_usec 0\nsystem_usec 0\nnr_periods 50\nnr_throttled 7\nthrottled_usec 0\n',
  'proc/42/task/42/children': '43 ',
  'proc/43/stat': `43 (worker) S 42 43 43 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 100 ${GIB} 1000\n`,
  'proc/43/statm': '9000 1000 10 0 0 0 0\n',
  'proc/43/fd/0': '',
  'proc/43/fd/1': '',
};

it('is said for every key that observers are the source of', () => {
  const observed = CATALOGUE.map(({ key }) => key).filter((key) =>
    /^(gpu|gpu_\{index\}|energy|system|container|process)\//.test(key),
  );
  const said = Object.keys({ ...GPUS, ...ENERGY, ...HOST }).map((key) =>
    key.replace(/^gpu_\d/, 'gpu_{index}'),
  );
  expect([...new Set(said)].toSorted()).toEqual(observed.toSorted());
});

it.runIf(stubPossible)('has its value at the API of a hub that a program exports to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-keys-'));
  cpSync(path('fixtures/server'), folder, { recursive: true });
  write(folder, FILES);
  const mountinfo = readFileSync(join(folder, 'proc/self/mountinfo'), 'latin1');
  write(folder, {
    'proc/self/mountinfo': `${mountinfo}30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n`,
  });
  const stub = new NvmlStub();
  stub.set('value energy 5000000');
  const hub = await startHub({ port: 0, otlpPort: false, dataDir: join(folder, 'data') });
  const program = spawn(process.execPath, [path('programs/everything.ts'), folder], {
    env: {
      PATH: process.env['PATH'] ?? '',
      OTEL_EXPORTER_OTLP_ENDPOINT: hub.url,
      OTEL_METRIC_EXPORT_INTERVAL: '300',
      OTEL_METRIC_EXPORT_TIMEOUT: '300',
      ...stub.env,
    },
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const ended = once(program, 'close');
  const seen = async (expected: Record<string, number | typeof positive>): Promise<object> => {
    const keys = Object.keys(expected).join(',');
    const response = await fetch(`${hub.url}/api/tiles?window=5m&keys=${keys}`);
    const { tiles } = (await response.json()) as TilesResponse;
    return Object.fromEntries(
      tiles.map(({ key, value }) => [
        key,
        expected[key] === positive && typeof value === 'number' && value > 0 ? positive : value,
      ]),
    );
  };
  const close = (expected: Record<string, number | typeof positive>): object =>
    Object.fromEntries(
      Object.entries(expected).map(([key, value]) => [
        key,
        value === positive ? value : expect.closeTo(value, 6),
      ]),
    );
  try {
    await vi.waitFor(async () => expect(await seen(GPUS)).toEqual(close(GPUS)), 20_000);
    await vi.waitFor(async () => expect(await seen(HOST)).toEqual(close(HOST)), 20_000);
    stub.set('value energy 5450000');
    program.stdin?.write('work\n');
    await vi.waitFor(async () => expect(await seen(ENERGY)).toEqual(close(ENERGY)), 20_000);
  } finally {
    program.kill('SIGTERM');
    await ended;
    await hub.stop();
    stub.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
