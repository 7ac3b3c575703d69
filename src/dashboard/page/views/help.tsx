import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

export const helpOpen = signal(false);

const KEYS = [
  ['r', 'read everything anew'],
  ['p', 'pause, or go on'],
  ['1 2 3 4', 'window of 1 h, 6 h, 24 h, 7 d'],
  ['/', 'search the runs'],
  ['?', 'this help'],
  ['Esc', 'close'],
] as const;

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="help-title"
      onClose={() => {
        helpOpen.value = false;
      }}
    >
      <h2 id="help-title">Help</h2>
      <dl class="keys">
        {KEYS.map(([key, does]) => (
          <div key={key}>
            <dt>
              {key.split(' ').map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p>
        Drag across a chart to zoom, double-click to go back. The crosshair is shared by charts with the same
        axis.
      </p>
      <p>
        <strong>✕</strong> above a chart marks a value that is NaN or infinite, at its true place.{' '}
        <strong>exact</strong> means that every point is drawn, <strong>reduced</strong> that per column of
        pixels the first, last, lowest and highest is.
      </p>
      <p>The address holds all of what you see: copy it to share this very view.</p>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
