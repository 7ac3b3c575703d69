const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  KiB: 1024,
  MB: 1e6,
  MiB: 1024 ** 2,
  GB: 1e9,
  GiB: 1024 ** 3,
  TB: 1e12,
  TiB: 1024 ** 4,
};

/** What `parseSize` accepts. */
export const SIZE_PATTERN = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B|B)$/;

/** `4GiB` → bytes. @throws RangeError for anything else */
export function parseSize(text: string): number {
  const match = SIZE_PATTERN.exec(text.trim());
  const unit = match ? SIZE_UNITS[match[2] as string] : undefined;
  if (!match || unit === undefined)
    throw new RangeError(`expected a size such as 4GiB, got ${JSON.stringify(text)}`);
  return Math.round(Number(match[1]) * unit);
}

/** Bytes as people read them, in the largest binary unit of which there is at least one: `1.5 GiB`. */
export function formatSize(bytes: number): string {
  const unit = (['TiB', 'GiB', 'MiB', 'KiB'] as const).find((name) => bytes >= (SIZE_UNITS[name] as number));
  if (unit === undefined) return `${bytes} B`;
  const value = bytes / (SIZE_UNITS[unit] as number);
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${unit}`;
}
