import { computed, effect, signal } from '@preact/signals';
import type { SettingsResponse } from '../../../conventions/hub-api.ts';
import {
  type Address,
  DEFAULTS,
  formatAddress,
  parseAddress,
  toggleRun,
  windowLength,
  withSettings,
} from './address.ts';

/** The page's state, kept in the browser's address: reload, back and a shared link show the same. */
export const address = signal<Address>(parseAddress(location.search));

/** What an address that says nothing means; the hub's settings, once they are read. */
let defaults = DEFAULTS;

/** Takes the hub's settings as defaults, before anything is read with others. */
export function applySettings(settings: SettingsResponse): void {
  defaults = withSettings(settings);
  address.value = parseAddress(location.search, defaults);
}

/** Moves that "back" should undo get an entry in the history; everything else replaces the present one. */
const STEPS: readonly (keyof Address)[] = ['view', 'trace'];

export function go(change: Partial<Address>): void {
  const before = address.peek();
  const next = { ...before, ...change };
  address.value = next;
  const target = `${location.pathname}${formatAddress(next, defaults)}`;
  if (target === `${location.pathname}${location.search}`) return;
  if (STEPS.some((name) => before[name] !== next[name])) history.pushState(null, '', target);
  else history.replaceState(null, '', target);
}

/** The link that would lead there, for real `<a href>`s. */
export const linkTo = (change: Partial<Address>): string =>
  `${location.pathname}${formatAddress({ ...address.value, ...change }, defaults)}`;

export const selectRun = (id: string): void => go({ runs: toggleRun(address.peek().runs, id), zoom: null });

export const windowMs = computed(() => windowLength(address.value.window));

const systemDark = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(systemDark.matches);
export const isDark = computed(() =>
  address.value.theme === 'auto' ? systemIsDark.value : address.value.theme === 'dark',
);

/** Wall clock of the page, for ages. Ticks every second; stands still while paused. */
export const now = signal(Date.now());

/** Ties the state to the browser; called once by the page's entry. */
export function bindBrowser(): void {
  addEventListener('popstate', () => {
    address.value = parseAddress(location.search, defaults);
  });
  systemDark.addEventListener('change', () => {
    systemIsDark.value = systemDark.matches;
  });
  setInterval(() => {
    if (!address.peek().paused && !document.hidden) now.value = Date.now();
  }, 1000);
  effect(() => {
    document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light';
  });
}
