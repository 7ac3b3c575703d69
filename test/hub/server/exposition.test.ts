import { describe, expect, it } from 'vitest';
import { exposition } from '../../../src/hub/server/exposition.ts';
import { ask, startFakeHub } from '../running-hub.ts';

/** Reads the Prometheus text format 0.0.4, and throws at anything that is not exactly it. */
function parse(
  text: string,
): Map<string, { type: string; help: string; samples: { labels: Map<string, string>; value: number }[] }> {
  const families: ReturnType<typeof parse> = new Map();
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  let help: [string, string] | undefined;
  let family: string | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const helped = /^# HELP ([a-zA-Z_:][\w:]*) ((?:[^\\]|\\\\|\\n)*)$/.exec(line);
    if (helped) {
      help = [helped[1] as string, helped[2] as string];
      continue;
    }
    const typed = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge)$/.exec(line);
    if (typed) {
      family = typed[1] as string;
      if (help?.[0] !== family || families.has(family)) throw new Error(`TYPE out of place: ${line}`);
      families.set(family, { type: typed[2] as string, help: help[1], samples: [] });
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!sample || sample[1] !== family) throw new Error(`not a sample of ${family}: ${line}`);
    const labels = new Map<string, string>();
    let rest = sample[2] ?? '';
    while (rest !== '') {
      const label = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/.exec(rest);
      if (!label || labels.has(label[1] as string)) throw new Error(`not a label: ${rest}`);
      labels.set(
        label[1] as string,
        (label[2] as string).replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)),
      );
      rest = rest.slice(label[0].length);
    }
    const infinite: Record<string, number> = { '+Inf': Infinity, '-Inf': -Infinity };
    const value = infinite[sample[3] as string] ?? Number(sample[3]);
    if (Number.isNaN(value) && sample[3] !== 'NaN') throw new Error(`not a value: ${line}`);
    const samples = families.get(sample[1] as string)?.samples;
    const identity = JSON.stringify([...labels]);
    if (samples?.some((one) => JSON.stringify([...one.labels]) === identity))
      throw new Error(`twice: ${line}`);
    samples?.push({ labels, value });
  }
  return families;
}

describe("the hub's own metrics", () => {
  it('are in the text format, hostile labels included', async () => {
    const { hub } = await startFakeHub();
    await ask(`${hub.url}/api/runs`);
    await ask(`${hub.url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const { headers, text } = await ask(`${hub.url}/metrics`);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = parse(text);
    const of = (name: string) => families.get(name)?.samples ?? [];
    expect(of('llm_otel_hub_rejected_total')).toEqual([
      { labels: new Map([['reason', 'a "quoted"\\reason\nof two lines']]), value: 7 },
    ]);
    expect(of('llm_otel_hub_stored_total')).toContainEqual({
      labels: new Map([['kind', 'spans']]),
      value: 3,
    });
    expect(of('llm_otel_hub_otlp_requests_total')).toEqual([
      {
        labels: new Map([
          ['signal', 'logs'],
          ['code', '200'],
        ]),
        value: 1,
      },
    ]);
    expect(of('llm_otel_hub_http_responses_total')).toContainEqual({
      labels: new Map([
        ['route', '/api/runs'],
        ['code', '200'],
      ]),
      value: 1,
    });
    expect(of('process_resident_memory_bytes')[0]?.value).toBeGreaterThan(1e6);
    for (const [name, { type }] of families)
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
  });

  it('write values that are not finite as Prometheus reads them', () => {
    const samples = [Infinity, -Infinity, Number.NaN, 1e21].map((value, i) => ({
      labels: { i: String(i) },
      value,
    }));
    const text = exposition([{ name: 'a', type: 'gauge', help: 'back\\slash\nline', samples }]);
    const family = parse(text).get('a');
    expect(family?.samples.map(({ value }) => value)).toEqual([Infinity, -Infinity, Number.NaN, 1e21]);
    expect(family?.help).toBe('back\\\\slash\\nline');
  });
});
