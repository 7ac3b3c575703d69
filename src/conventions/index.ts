export * from './attributes.ts';
export * from './catalogue.ts';
export * from './duration.ts';
export * from './environment.ts';
export * from './events.ts';
export * from './hub-api.ts';
export * from './metrics.ts';
export * from './size.ts';
