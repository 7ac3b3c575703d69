import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type CometOptions, cometSettings } from '../../../src/trackers/comet/config.ts';
import { configuredTrackers } from '../../../src/trackers/configured.ts';

const settingsOf = (options: CometOptions, env: Record<string, string> = {}) =>
  cometSettings(options, { env, warn: () => {} });

describe('options of Comet', () => {
  it('come from its own variables where they are not given', () => {
    const settings = settingsOf(
      { projectName: 'given' },
      {
        COMET_PROJECT_NAME: 'variable',
        COMET_WORKSPACE: 'team',
        COMET_API_KEY: 'k',
        COMET_URL_OVERRIDE: 'https://comet.example.com/clientlib/',
        COMET_OFFLINE_DIRECTORY: '/somewhere',
        COMET_START_EXPERIMENT_NAME: 'name',
      },
    );
    expect(settings).toMatchObject({
      mode: 'online',
      projectName: 'given',
      workspace: 'team',
      baseUrl: 'https://comet.example.com',
      offlineDirectory: '/somewhere',
      experimentName: 'name',
      autoLog: true,
    });
    expect(settings?.apiKey()).toBe('k');
  });

  it('have three modes; disabled is no sink at all', () => {
    expect(settingsOf({}, { COMET_START_ONLINE: '0' })?.mode).toBe('offline');
    expect(settingsOf({ mode: 'disabled' })).toBeUndefined();
    expect(() => settingsOf({ mode: 'cloud' as 'online' })).toThrow(/online, offline, disabled, got "cloud"/);
  });

  it('that cannot be are refused, without secrets', () => {
    expect(() => settingsOf({ experimentKey: 'short' })).toThrow(/32 to 50 letters and digits/);
    expect(() => settingsOf({ baseUrl: 'ftp://me:secret@x' })).toThrow(/^(?!.*secret).*address such as/);
  });

  it('of the documented example are all known', () => {
    const page = readFileSync(new URL('../../../docs/trackers-comet.md', import.meta.url), 'utf8');
    const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const { monitoring } = parse(yaml) as { monitoring: { experiment_tracking: Record<string, unknown> } };
    const [tracker] = configuredTrackers(monitoring.experiment_tracking);
    expect(settingsOf(tracker as CometOptions)).toMatchObject({
      projectName: 'my-llm',
      workspace: 'my-team',
      experimentName: 'e1',
      autoLog: true,
      logCode: true,
      logGraph: true,
    });
  });
});
