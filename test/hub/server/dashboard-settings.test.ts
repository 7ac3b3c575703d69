import { expect, test } from 'vitest';
import { dashboardSettings } from '../../../src/hub/server/dashboard-settings.ts';
import { ask, startFakeHub } from '../running-hub.ts';

test('the page begins with five seconds, one hour and live when nothing is said', () => {
  const logged: string[] = [];
  const told = dashboardSettings(undefined, (_, message) => logged.push(message));
  expect(told).toEqual({ refreshInterval: 5, timeWindow: 3_600_000, autoRefresh: true });
  expect(logged).toEqual([]);
});

test('the page is told what the options say', async () => {
  const { hub } = await startFakeHub({
    dashboard: { refresh_interval: 10_000, time_window: 21_600_000, auto_refresh: false },
  });
  expect(JSON.parse((await ask(`${hub.url}/api/settings`)).text)).toEqual({
    dashboard: { refreshInterval: 10, timeWindow: 21_600_000, autoRefresh: false },
  });
});

test('what cannot be becomes the nearest that can, and is told', () => {
  const logged: string[] = [];
  const log = (_: string, message: string) => logged.push(message);
  expect(dashboardSettings({ refresh_interval: 300_000, time_window: 10 }, log)).toMatchObject({
    refreshInterval: 60,
    timeWindow: 60_000,
  });
  expect(logged).toEqual([
    expect.stringMatching(/dashboard\.refresh_interval of 300 s .* begins with 60 s/),
    expect.stringMatching(/dashboard\.time_window of 0\.01 s .* begins with 60 s/),
  ]);
});
