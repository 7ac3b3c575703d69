import { describe, expect, it } from 'vitest';
import { opened } from './opened.ts';
import { logs, put } from './requests.ts';

const EVENT = { eventName: 'checkpoint.saved', body: { path: 'a' } };

describe('log records that are no run events', () => {
  it('are stored once when a request comes again', async () => {
    const store = opened();
    const request = logs([EVENT, { ...EVENT, body: { path: 'b' } }]);
    await put(store, request);
    await put(store, request);
    expect(store.stats().appended.logRecords).toBe(2);
    expect(store.stats().duplicates.logRecords).toBe(2);
  });

  it('are two when two of a request are alike, or when time or content differ', async () => {
    const store = opened();
    await put(store, logs([EVENT, EVENT]));
    await put(store, logs([{ ...EVENT, body: { path: 'other' } }]));
    expect(store.stats().appended.logRecords).toBe(3);
    expect(store.stats().duplicates.logRecords).toBe(0);
  });
});
