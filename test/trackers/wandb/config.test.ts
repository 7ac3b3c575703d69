import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readFileSync } from 'node:fs';
import { configuredTrackers } from '../../../src/trackers/configured.ts';
import { wandbPlatform } from '../../../src/trackers/wandb/index.ts';
import { keyOfNetrc, type WandbOptions, wandbSettings } from '../../../src/trackers/wandb/config.ts';

function settingsOf(options: WandbOptions, env: Record<string, string> = {}) {
  const warnings: string[] = [];
  const settings = wandbSettings(options, { env, warn: (message) => void warnings.push(message) });
  return { settings, warnings };
}

describe('options of W&B', () => {
  it('come from its own variables where they are not given', () => {
    const { settings } = settingsOf(
      { project: 'given' },
      {
        WANDB_PROJECT: 'variable',
        WANDB_ENTITY: 'team',
        WANDB_TAGS: 'a, b,,c',
        WANDB_RUN_GROUP: 'g',
        WANDB_JOB_TYPE: 'train',
        WANDB_NOTES: 'n',
        WANDB_NAME: 'name',
        WANDB_RUN_ID: 'id',
        WANDB_RESUME: 'must',
        WANDB_DIR: '/somewhere',
        WANDB_MODE: 'offline',
        WANDB_CONSOLE: 'off',
        WANDB_BASE_URL: 'https://api.wandb.example.com/',
        WANDB_API_KEY: 'k',
        WANDB_USERNAME: 'me',
        WANDB_USER_EMAIL: 'me@example.com',
      },
    );
    expect(settings).toMatchObject({
      mode: 'offline',
      project: 'given',
      entity: 'team',
      tags: ['a', 'b', 'c'],
      group: 'g',
      jobType: 'train',
      notes: 'n',
      name: 'name',
      runId: 'id',
      resume: 'must',
      dir: '/somewhere',
      console: false,
      baseUrl: 'https://api.wandb.example.com',
      appUrl: 'https://wandb.example.com',
      headers: { 'x-wandb-username': 'me', 'x-wandb-user-email': 'me@example.com' },
    });
    expect(settings?.apiKey()).toBe('k');
    const pages = settingsOf({}, { WANDB_APP_URL: 'https://pages.example.com/' }).settings;
    expect(pages).toMatchObject({ baseUrl: 'https://api.wandb.ai', appUrl: 'https://pages.example.com' });
  });

  it('have the modes as people know them; disabled is no sink at all', () => {
    expect(settingsOf({}).settings?.mode).toBe('online');
    expect(settingsOf({}, { WANDB_MODE: 'dryrun' }).settings?.mode).toBe('offline');
    expect(settingsOf({ mode: 'disabled' }).settings).toBeUndefined();
    const context = { env: { WANDB_MODE: 'disabled' }, warn: () => {} };
    expect(wandbPlatform.createSink({}, context)).toBeUndefined();
    expect(() => settingsOf({}, { WANDB_MODE: 'shared' })).toThrow(/shared.*not supported/);
    expect(() => settingsOf({ mode: 'cloud' as 'online' })).toThrow(
      /online, offline or disabled, got "cloud"/,
    );
  });

  it('refuse what cannot be, and name no secret', () => {
    expect(() => settingsOf({ baseUrl: 'ftp://me:secret@x' })).toThrow(/^(?!.*secret).*address such as/);
    expect(() => settingsOf({ resume: 'maybe' as 'allow' })).toThrow(/allow, must, never or auto/);
  });

  it('find the key where `wandb login` puts it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'netrc-'));
    try {
      const path = join(folder, 'netrc');
      writeFileSync(
        path,
        'machine other.example\n  login user\n  password no\nmachine api.wandb.ai\n  login user\n  password yes\nmachine last\n password no\n',
      );
      expect(keyOfNetrc({ NETRC: path }, 'api.wandb.ai')).toBe('yes');
      expect(settingsOf({}, { NETRC: path }).settings?.apiKey()).toBe('yes');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('of the documented example are all known', () => {
    const page = readFileSync(new URL('../../../docs/trackers-wandb.md', import.meta.url), 'utf8');
    const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const { monitoring } = parse(yaml) as { monitoring: { experiment_tracking: Record<string, unknown> } };
    const [tracker] = configuredTrackers(monitoring.experiment_tracking);
    expect(tracker).toMatchObject({
      platform: 'wandb',
      jobType: 'training',
      configExcludeKeys: ['api_key', 'secrets'],
    });
    expect(settingsOf(tracker as WandbOptions).settings).toMatchObject({
      project: 'my-llm',
      entity: 'my-team',
      mode: 'offline',
    });
  });
});
