import { fileURLToPath } from 'node:url';

/** Source or built: the files beside this one have its ending. */
const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const entry = (name: string): string => fileURLToPath(new URL(`./${name}.${ending}`, import.meta.url));

export const keeperEntry = entry('keeper-process');
export const samplerEntry = entry('sampler-process');
