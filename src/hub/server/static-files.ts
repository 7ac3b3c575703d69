import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

export interface StaticFile {
  bytes: Buffer;
  /** Compressed, where that is smaller. */
  gzip: Buffer | undefined;
  contentType: string;
  etag: string;
}

/** Kinds of files that are served; others in the folder are not. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

/** Where the page's bundle is: beside the compiled code, or in the package's `dist` when this runs from `src`. */
export function defaultPageDir(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../../../dist/dashboard/' : '../../dashboard/', here));
}

/**
 * The page's files by the path that they are asked for; `/` is `index.html`. All are read now: no path of a
 * request ever reaches the file system. Without a bundle the table holds a page that says how to make one.
 */
export function readStaticFiles(folder: string): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const file of filesIn(folder)) {
    const contentType = CONTENT_TYPES[extname(file).toLowerCase()];
    if (contentType === undefined) continue;
    const path = `/${relative(folder, file).split(sep).join('/')}`;
    files.set(path, staticFile(readFileSync(file), contentType));
  }
  const index = files.get('/index.html');
  files.set('/', index ?? staticFile(Buffer.from(NO_PAGE), 'text/html; charset=utf-8'));
  return files;
}

function staticFile(bytes: Buffer, contentType: string): StaticFile {
  const compressed = gzipSync(bytes, { level: 9 });
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { bytes, gzip: compressed.length < bytes.length * 0.9 ? compressed : undefined, contentType, etag };
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}

const page = (title: string, text: string) => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1>${text}</body>
</html>
`;

const NO_PAGE = page(
  'llm-otel hub',
  '<p>The hub is running, but its page has not been built. Run <code>npm run build</code> and start the hub again.</p>' +
    '<p>The API is there: <a href="/api/runs">/api/runs</a>, described by <a href="/api/openapi.json">/api/openapi.json</a>.</p>',
);

/** What a person sees who has not signed in. */
export const SIGN_IN_PAGE = page(
  'llm-otel hub: sign-in',
  '<p>This hub asks for a token. Open the address that it printed when it started (it can be used once, within an ' +
    'hour), or <code>/?token=TOKEN</code> with its token: the one that it was started with, or the one in the file ' +
    '<code>hub.token</code> of its data directory.</p>',
);
