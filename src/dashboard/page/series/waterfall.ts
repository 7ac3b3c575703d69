import type { SpanInfo } from '../../../conventions/hub-api.ts';

export interface WaterfallRow {
  span: SpanInfo;
  depth: number;
  /** Start and length as shares of the whole trace, 0 … 1. */
  left: number;
  width: number;
}

/**
 * Spans as a tree, in order of their start. A span whose parent is not among them (another service did not
 * report, or a remote parent) stands at the root. Cycles cannot lock it up: each span is placed once.
 */
export function waterfall(spans: readonly SpanInfo[]): WaterfallRow[] {
  if (spans.length === 0) return [];
  const start = spans.reduce((min, span) => Math.min(min, span.startTime), Number.POSITIVE_INFINITY);
  const end = spans.reduce((max, span) => Math.max(max, span.startTime + span.durationMs), start);
  const whole = end - start || 1;
  const ids = new Set(spans.map((span) => span.spanId));
  const children = new Map<string, SpanInfo[]>();
  for (const span of [...spans].sort((a, b) => a.startTime - b.startTime)) {
    const parent = span.parentSpanId !== null && ids.has(span.parentSpanId) ? span.parentSpanId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: WaterfallRow[] = [];
  const placed = new Set<string>();
  const place = (parent: string, depth: number): void => {
    for (const span of children.get(parent) ?? []) {
      if (placed.has(span.spanId)) continue;
      placed.add(span.spanId);
      rows.push({ span, depth, left: (span.startTime - start) / whole, width: span.durationMs / whole });
      place(span.spanId, depth + 1);
    }
  };
  place('', 0);
  return rows;
}
