import { helperEntry } from '../helper-entry.ts';

export const keeperEntry = helperEntry('keeper-process', import.meta.url);
export const samplerEntry = helperEntry('sampler-process', import.meta.url);
