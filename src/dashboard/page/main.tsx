import { render } from 'preact';
import { api } from './data/api.ts';
import { startHub } from './data/hub.ts';
import { bindKeys } from './state/keys.ts';
import { applySettings, bindBrowser } from './state/view.ts';
import './styles/page.css';
import { App } from './views/app.tsx';

// A hub that does not answer yet is told by what reads next; the page then begins with its own defaults.
await api.settings(AbortSignal.timeout(3000)).then(applySettings, () => {});
bindBrowser();
bindKeys();
startHub();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
