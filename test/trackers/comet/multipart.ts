export interface FormPart {
  readonly name: string;
  readonly fileName: string | undefined;
  readonly content: Buffer;
}

/** Parts of a multipart/form-data body (RFC 7578). */
export function readForm(body: Buffer, contentType: string): FormPart[] {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (boundary === undefined) throw new Error(`no boundary in ${contentType}`);
  const parts: FormPart[] = [];
  const marker = Buffer.from(`--${boundary}`);
  let at = body.indexOf(marker);
  while (at >= 0) {
    const start = at + marker.length + 2;
    const next = body.indexOf(marker, start);
    if (next < 0) break;
    const headEnd = body.indexOf('\r\n\r\n', start);
    const head = body.subarray(start, headEnd).toString('utf8');
    parts.push({
      name: /[; ]name="([^"]*)"/i.exec(head)?.[1] ?? '',
      fileName: /filename="([^"]*)"/i.exec(head)?.[1],
      content: body.subarray(headEnd + 4, next - 2),
    });
    at = next;
  }
  return parts;
}
