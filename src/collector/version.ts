/** The Collector version that the configurations are written for and that our own distribution is built from. */
export const COLLECTOR_VERSION = '0.155.0';

/** The official image with every component that the configurations use. */
export const COLLECTOR_IMAGE = `otel/opentelemetry-collector-contrib:${COLLECTOR_VERSION}`;

/** `a` against `b`, by number: negative when `a` is older. Anything after `-` or `+` is left out. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string) =>
    (text.replace(/^v/, '').split(/[-+]/)[0] ?? '').split('.').map((part) => Number(part) || 0);
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
