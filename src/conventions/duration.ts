/** Milliseconds of each unit that a duration may be written in. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a duration as people write it: `500ms`, `1.5s`, `10s`, `5m`, `2h`, `30d`, or a bare number, which is
 * milliseconds (as in OpenTelemetry's variables). Case and spaces around do not matter.
 *
 * @returns milliseconds >= 0, or undefined when it is not a duration: the caller knows where the value came from
 *   and says so.
 */
export function parseDuration(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h|d)?$/i.exec(value.trim());
  if (!match) return undefined;
  const milliseconds = Number(match[1]) * (UNIT_MS[(match[2] ?? 'ms').toLowerCase()] as number);
  return Number.isFinite(milliseconds) ? milliseconds : undefined;
}

/** What `parseDuration` accepts, for messages. */
export const DURATION_FORMAT = 'a duration such as 500ms, 10s, 5m, 2h or 30d';
