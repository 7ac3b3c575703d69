import type { SettingsResponse } from '../../conventions/index.ts';

/** `dashboard` of monitoring.yaml: times in ms. */
export interface DashboardOptions {
  /** How long the page gathers changes: whole seconds from 1 to 60; default 5 s. */
  refresh_interval?: number | undefined;
  /** Length of the window: whole minutes from 1 to a year; default 1 h. */
  time_window?: number | undefined;
  /** False: the page begins paused; default true. */
  auto_refresh?: boolean | undefined;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const REFRESH = { fallback: 5 * SECOND, least: SECOND, most: 60 * SECOND, whole: SECOND };
const WINDOW = { fallback: 60 * MINUTE, least: MINUTE, most: 366 * 24 * 60 * MINUTE, whole: MINUTE };

/** What the page is told. A value that cannot be becomes the nearest that can, and the log says so. */
export function dashboardSettings(
  options: DashboardOptions = {},
  log: (level: 'warn', message: string) => void,
): SettingsResponse['dashboard'] {
  const nearest = (name: 'refresh_interval' | 'time_window', bounds: typeof REFRESH): number => {
    const { fallback, least, most, whole } = bounds;
    const wanted = options[name] ?? fallback;
    const taken = Math.round(Math.min(most, Math.max(least, wanted)) / whole) * whole;
    if (taken !== wanted)
      log(
        'warn',
        `dashboard.${name} of ${wanted / SECOND} s is not one that the page has (${least / SECOND} s to ${most / SECOND} s, in steps of ${whole / SECOND} s); it begins with ${taken / SECOND} s`,
      );
    return taken;
  };
  return {
    refreshInterval: nearest('refresh_interval', REFRESH) / SECOND,
    timeWindow: nearest('time_window', WINDOW),
    autoRefresh: options.auto_refresh ?? true,
  };
}
