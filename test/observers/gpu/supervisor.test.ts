import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SamplerMessage } from '../../../src/observers/gpu/sampler-message.ts';
import { type SamplerEvents, Supervisor } from '../../../src/observers/gpu/supervisor.ts';

const sample: SamplerMessage = {
  type: 'sample',
  seq: 1,
  time: 1,
  delta: { source: 'nvml', devices: [], whole: true },
};
let done: string[];
let samplers: SamplerEvents[];
let supervisor: Supervisor;
const told = () => done.filter((entry) => entry.startsWith('tell'));

beforeEach(() => {
  vi.useFakeTimers();
  done = [];
  samplers = [];
  supervisor = new Supervisor({
    intervalMs: 1000,
    hangMs: 60_000,
    restartMs: 5000,
    start(events) {
      samplers.push(events);
      done.push('start');
      return { disconnect: () => done.push('disconnect'), kill: (signal) => done.push(signal) };
    },
    tell: (message) =>
      done.push(`tell ${message.type}${message.type === 'trouble' ? ` ${message.reason}` : ''}`),
    finished: () => done.push('finished'),
  });
  supervisor.start();
});
afterEach(() => {
  vi.useRealTimers();
});
const sampler = () => samplers.at(-1) as SamplerEvents;

describe('the supervisor of the GPU sampler', () => {
  it('says once that it stalls, after three intervals without a sample, and nothing when it goes on', () => {
    sampler().message(sample);
    vi.advanceTimersByTime(2900);
    sampler().message(sample);
    vi.advanceTimersByTime(2900);
    expect(told()).toEqual(['tell sample', 'tell sample']);
    vi.advanceTimersByTime(30_000);
    expect(told().slice(2)).toEqual(['tell trouble stalled']);
    sampler().message(sample);
    vi.advanceTimersByTime(2000);
    expect(told().slice(3)).toEqual(['tell sample']);
    expect(samplers).toHaveLength(1);
  });

  it('gives a start more time: a driver may take seconds', () => {
    vi.advanceTimersByTime(14_000);
    expect(told()).toEqual([]);
    vi.advanceTimersByTime(2000);
    expect(told()).toEqual(['tell trouble stalled']);
  });

  it('ends one that hangs for good, gently first, and starts another only when it has really ended', () => {
    sampler().message(sample);
    vi.advanceTimersByTime(63_000);
    expect(done.slice(2)).toEqual(['tell trouble stalled', 'SIGTERM']);
    vi.advanceTimersByTime(15_000);
    expect(done.at(-1)).toBe('SIGKILL');
    vi.advanceTimersByTime(3_600_000); // it lies in the kernel and does not die
    expect(samplers).toHaveLength(1);
    sampler().exit('SIGKILL');
    vi.advanceTimersByTime(5000);
    expect(samplers).toHaveLength(2);
  });

  it('starts one that ended anew, with pauses that double up to 5 minutes, and from the beginning once it has worked', () => {
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      sampler().exit('SIGSEGV');
      const before = samplers.length;
      let waited = 0;
      while (samplers.length === before) {
        vi.advanceTimersByTime(1000);
        waited += 1000;
      }
      pauses.push(waited);
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300].map((seconds) => seconds * 1000));
    expect(new Set(told())).toEqual(new Set(['tell trouble crashed']));
    sampler().message(sample);
    sampler().exit('SIGSEGV');
    vi.advanceTimersByTime(5000);
    expect(samplers).toHaveLength(10);
  });

  it('does not add a word to what the sampler said itself before it ended', () => {
    sampler().message({ type: 'trouble', reason: 'driver', why: 'NVML error 9' });
    sampler().exit('exit code 0');
    expect(told()).toEqual(['tell trouble driver']);
  });

  it('is finished for good where there is no GPU', () => {
    sampler().message({ type: 'absent', why: 'none' });
    sampler().exit('exit code 0');
    expect(done.slice(1)).toEqual(['tell absent', 'finished']);
    vi.advanceTimersByTime(3_600_000);
    expect(samplers).toHaveLength(1);
  });

  it('stops by closing the channel, and ends one that hangs at once', () => {
    sampler().message(sample);
    supervisor.stop();
    expect(done.at(-1)).toBe('disconnect');
    sampler().exit('exit code 0');
    expect(done.at(-1)).toBe('finished');
    vi.advanceTimersByTime(60_000);
    expect(done).not.toContain('SIGTERM');
  });

  it('does not wait for one that is stalled when it stops', () => {
    sampler().message(sample);
    vi.advanceTimersByTime(4000);
    supervisor.stop();
    expect(done.slice(-2)).toEqual(['SIGTERM', 'disconnect']);
    vi.advanceTimersByTime(2000);
    expect(done.at(-1)).toBe('SIGKILL');
  });
});
