export { StoreOpenError } from './open-error.ts';
export { openStore } from './open.ts';
export type * from './store.ts';
