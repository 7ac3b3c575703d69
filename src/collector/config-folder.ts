import { fileURLToPath } from 'node:url';

/** `collector-config/` as it is shipped: beside `src/` in the repository, beside `dist/` in the package. */
export const CONFIG_FOLDER: string = fileURLToPath(new URL('../../collector-config/', import.meta.url));
