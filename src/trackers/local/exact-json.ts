/**
 * JSON that keeps every number: NaN and infinities, which JSON does not have, are the strings "NaN", "Infinity" and
 * "-Infinity", and -0 is `-0.0` (`JSON.stringify` makes null and 0 of them). Members that are undefined are left out.
 */
export function exactJson(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return exactNumber(value);
    case 'object': {
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map((item) => exactJson(item ?? null)).join(',')}]`;
      let text = '';
      for (const key of Object.keys(value)) {
        const member = (value as Record<string, unknown>)[key];
        if (member !== undefined)
          text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${exactJson(member)}`;
      }
      return `{${text}}`;
    }
    default:
      return JSON.stringify(value) ?? 'null';
  }
}

function exactNumber(value: number): string {
  if (value - value !== 0) return `"${value}"`;
  return value === 0 && Object.is(value, -0) ? '-0.0' : `${value}`;
}

/** A number that `exactJson` wrote. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number(value);
}
