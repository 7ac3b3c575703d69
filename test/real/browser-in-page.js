/** What the browser test asks of the page from inside; loaded into it before its own script. */
globalThis.inPage = {
  /** Pixels of a canvas that are drawn on. */
  inked(canvas) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) count += 1;
    return count;
  },

  /** Red pixels on the rail above a plot: how many in its left nine tenths, and whether there are any right of that. */
  redOnRail(plot) {
    const canvas = plot.querySelector('canvas');
    const over = plot.querySelector('.u-over').getBoundingClientRect();
    const box = canvas.getBoundingClientRect();
    const border = over.left - box.left + over.width * 0.9;
    const rail = Math.floor(over.top - box.top);
    const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, rail);
    let left = 0;
    let right = false;
    for (let i = 0; i < data.length; i += 4) {
      const red = data[i] > 150 && data[i + 1] < 80 && data[i + 3] > 200;
      if (red && (i / 4) % width < border) left += 1;
      else if (red) right = true;
    }
    return { left, right };
  },

  /**
   * Names of controls, ids, headings, contrast of text (WCAG 2.2, 1.4.3: 4.5:1; disabled controls are exempt).
   * Returns what is wrong.
   */
  accessibilityFaults() {
    const faults = [];
    const visible = (element) => element.getClientRects().length > 0;
    for (const control of document.querySelectorAll('button, a[href], input, select, [role=region]')) {
      if (!visible(control)) continue;
      const label = control.labels?.[0]?.textContent ?? '';
      const name = control.getAttribute('aria-label') ?? (label || control.textContent || '').trim();
      if (name === '') faults.push(`no name: ${control.outerHTML.slice(0, 80)}`);
    }
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`twice: #${id}`);
    if (document.querySelector('h1, h2') === null) faults.push('no heading');
    if (document.documentElement.lang === '') faults.push('no language');

    const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
    const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const ground = (element) => {
      if (element === null) return [255, 255, 255];
      const color = channels(getComputedStyle(element).backgroundColor);
      return color.length === 3 || color[3] === 1 ? color : ground(element.parentElement);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement;
      if (element === null || !visible(element) || node.textContent.trim() === '') continue;
      if (element.closest(':disabled, script, .visually-hidden') !== null) continue;
      const text = luminance(channels(getComputedStyle(element).color));
      const below = luminance(ground(element));
      const ratio = (Math.max(text, below) + 0.05) / (Math.min(text, below) + 0.05);
      if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${node.textContent.slice(0, 40)}`);
    }
    return faults;
  },
};
addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective}`));
