import { reload } from '../data/hub.ts';
import { helpOpen } from '../views/help.tsx';
import { WINDOWS } from './address.ts';
import { address, go } from './view.ts';

/** What a key does; `/` needs the search to be on the page. */
const ACTIONS: Record<string, () => void> = {
  r: () => void reload(),
  p: () => go({ paused: !address.peek().paused, range: null }),
  '/': () => {
    if (!['overview', 'runs'].includes(address.peek().view)) go({ view: 'runs' });
    // After the view has been drawn.
    requestAnimationFrame(() => document.querySelector<HTMLInputElement>('#run-search')?.focus());
  },
  '?': () => {
    helpOpen.value = !helpOpen.peek();
  },
  ...Object.fromEntries(WINDOWS.map((window, i) => [String(i + 1), () => go({ window, range: null })])),
};

/** Keys act on the page only where no text is being written and no modifier is held. */
export function bindKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (target.matches('input:not([type=checkbox], [type=range]), select, textarea')) return;
    const act = ACTIONS[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}
