import type { Store } from '../store/store.ts';
import type { TrackerBridge } from './bridge.ts';

/**
 * A store whose runs are forwarded to trackers: a request counts as taken when both have it, and a run tells where its
 * trackers stand. All else is the store's.
 */
export function bridgedStore(store: Store, bridge: TrackerBridge): Store {
  const own: Pick<Store, 'append' | 'run'> = {
    async append(request, body) {
      const partial = await store.append(request, body);
      // a crash before this line loses nothing: the sender, who has had no answer, sends again
      await bridge.take(request);
      return partial;
    },
    async run(id) {
      const run = await store.run(id);
      return run && { ...run, sinks: bridge.health(id) };
    },
  };
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name as keyof typeof own];
      const value: unknown = Reflect.get(target, name, target);
      // the store's methods use private fields: they need the store itself
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
