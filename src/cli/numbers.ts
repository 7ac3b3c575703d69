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

/** `4GiB` → bytes. @throws RangeError for anything else */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?i?B)$/.exec(text.trim());
  const unit = match ? SIZE_UNITS[match[2] as string] : undefined;
  if (!match || unit === undefined)
    throw new RangeError(`expected a size such as 4GiB, got ${JSON.stringify(text)}`);
  return Math.round(Number(match[1]) * unit);
}
