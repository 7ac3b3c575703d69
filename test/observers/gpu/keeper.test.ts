import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Keeper } from '../../../src/observers/gpu/keeper.ts';
import type { SamplerMessage } from '../../../src/observers/gpu/sampler-message.ts';
import { ownHelpers } from '../../../src/observers/own-helpers.ts';
import { NvmlStub, stubPossible } from './nvml-stub.ts';

const told = (messages: SamplerMessage[], type: SamplerMessage['type']): number =>
  messages.filter((message) => message.type === type).length;

describe.runIf(stubPossible && process.platform === 'linux')('the keeper of a large program', () => {
  let stub: NvmlStub;
  let keeper: Keeper;
  let messages: SamplerMessage[];
  let ends: string[];
  /** A fork would copy its page tables. */
  let ballast: Buffer | undefined;

  beforeEach(() => {
    stub = new NvmlStub();
    messages = [];
    ends = [];
    ballast = Buffer.alloc(300 * 2 ** 20, 1);
    keeper = new Keeper(
      {
        intervalMs: 100,
        slowEvery: 30,
        processes: false,
        nvmlLibrary: '',
        sys: '/sys',
        smi: 'nvidia-smi',
        hangMs: 60_000,
        restartMs: 50,
      },
      { ...process.env, ...stub.env },
      { message: (message) => messages.push(message), ended: (why) => ends.push(why) },
    );
  });
  afterEach(() => {
    keeper.stop();
    stub.remove();
    ballast = undefined;
  });

  it('is started anew by the sampler only: when both are killed, the program is not forked and says why', async () => {
    await vi.waitFor(() => expect(told(messages, 'sample')).toBeGreaterThan(0), 20_000);
    const [first] = ownHelpers;
    process.kill(first as number, 'SIGKILL');
    await vi.waitFor(() => expect([...ownHelpers]).not.toContain(first), 20_000);
    const before = told(messages, 'sample');
    await vi.waitFor(() => expect(told(messages, 'sample')).toBeGreaterThan(before), 20_000);
    expect(ends.every((why) => /SIGKILL|killed/.test(why))).toBe(true);

    // Without its sampler the heir has no successor.
    const [heir] = ownHelpers;
    for (const sampler of childrenOf(heir as number)) process.kill(sampler, 'SIGKILL');
    process.kill(heir as number, 'SIGKILL');
    await vi.waitFor(() => expect(ends.at(-1)).toMatch(/would stall this large program/), 20_000);
    expect(ownHelpers.size).toBe(0);
    expect(ballast?.length).toBeGreaterThan(0);
  });
});

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}
