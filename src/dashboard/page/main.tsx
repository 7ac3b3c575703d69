import { render } from 'preact';
import { startHub } from './data/hub.ts';
import { bindKeys } from './state/keys.ts';
import { bindBrowser } from './state/view.ts';
import './styles/page.css';
import { App } from './views/app.tsx';

bindBrowser();
bindKeys();
startHub();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
