/** `engines` of package.json. */
export const OLDEST_NODE = '22.15';

/** Is that version of Node (`process.versions.node`) one that this package runs on? */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
