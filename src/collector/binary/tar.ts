/** Reads one file out of a tar archive (ustar with GNU or pax long names before it being ignored). */
const BLOCK = 512;

/**
 * @param wanted whether a file of this base name is the one
 * @returns its content; undefined when the archive does not hold it
 * @throws Error when the archive ends in the middle
 */
export function fileFromTar(
  archive: Uint8Array,
  wanted: (name: string) => boolean,
): { name: string; content: Uint8Array } | undefined {
  let offset = 0;
  while (offset + BLOCK <= archive.length) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header[0] === 0) return undefined;
    const name = text(header, 0, 100);
    const size = Number.parseInt(text(header, 124, 12).trim() || '0', 8);
    const kind = String.fromCharCode(header[156] ?? 0);
    if (!Number.isSafeInteger(size) || size < 0)
      throw new Error('the archive is damaged: a size is no number');
    const start = offset + BLOCK;
    if (start + size > archive.length) throw new Error('the archive ends in the middle of a file');
    const base = name.slice(name.lastIndexOf('/') + 1);
    if ((kind === '0' || kind === '\0') && wanted(base))
      return { name: base, content: archive.subarray(start, start + size) };
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}

function text(header: Uint8Array, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
