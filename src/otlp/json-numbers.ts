/** A double as OTLP JSON writes it: what JSON numbers cannot say goes as a string (protobuf's JSON mapping). */
export function jsonDouble(value: number): number | string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : value;
  return String(value);
}
