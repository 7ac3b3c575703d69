import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  BUILD_ARGUMENTS,
  buildCollector,
  builtCollectorPath,
  COLLECTOR_VERSION,
  downloadCollector,
  findCollector,
  releaseUrl,
} from '../../src/collector/index.ts';
import { listing, program, temporaryFolder } from './programs.ts';

/** A tar archive of these files, as `tar` writes it. */
function tar(files: Record<string, string>): Buffer {
  const blocks: Buffer[] = [];
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000755\0', 100);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('0', 156);
    header.write('ustar\0', 257);
    blocks.push(header, content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

async function serve(body: Buffer, status = 200): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/otelcol.tar.gz`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const PROGRAM = `#!${process.execPath}\nconsole.log(${JSON.stringify(listing(COLLECTOR_VERSION))});\n`;
const ARCHIVE = gzipSync(tar({ LICENSE: 'text', 'otelcol-contrib': PROGRAM, 'README.md': 'text' }));

describe('downloading a release', () => {
  it('keeps the program of an archive whose checksum is right, and finds it later', async () => {
    using folder = temporaryFolder();
    await using server = await serve(ARCHIVE);
    const env = { LLM_OTEL_REAL_DIR: folder.path, PATH: '' };
    const first = await downloadCollector({ url: server.url, sha256: sha256(ARCHIVE).toUpperCase(), env });
    expect(readFileSync(first.path, 'utf8')).toBe(PROGRAM);
    expect(statSync(first.path).mode & 0o111).not.toBe(0);
    expect(await findCollector({ env })).toMatchObject({ found: { path: first.path, from: 'cache' } });
    const again = await downloadCollector({ url: 'http://127.0.0.1:9/', sha256: sha256(ARCHIVE), env });
    expect(again).toEqual({ path: first.path, downloaded: false });
  });

  it('installs nothing when the bytes are not the expected ones', async () => {
    using folder = temporaryFolder();
    await using server = await serve(ARCHIVE);
    const env = { LLM_OTEL_REAL_DIR: folder.path };
    await expect(downloadCollector({ url: server.url, sha256: 'a'.repeat(64), env })).rejects.toThrow(
      `its SHA-256 is ${sha256(ARCHIVE)}, not ${'a'.repeat(64)}. Nothing was installed`,
    );
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it.each([
    ['is no archive', Buffer.from('hello'), /is no \.tar\.gz/],
    ['holds no Collector', gzipSync(tar({ 'a.txt': 'x' })), /holds no Collector/],
    ['is cut off', gzipSync(tar({ 'otelcol-contrib': PROGRAM }).subarray(0, 540)), /ends in the middle/],
  ])('refuses what %s', async (_what, body, message) => {
    using folder = temporaryFolder();
    await using server = await serve(body);
    const env = { LLM_OTEL_REAL_DIR: folder.path };
    await expect(downloadCollector({ url: server.url, sha256: sha256(body), env })).rejects.toThrow(message);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('says what the server answered, and that a checksum is 64 digits', async () => {
    await using server = await serve(Buffer.from('no'), 404);
    const env = { LLM_OTEL_REAL_DIR: 'unused' };
    await expect(downloadCollector({ url: server.url, sha256: 'b'.repeat(64), env })).rejects.toThrow(
      /answered 404/,
    );
    await expect(downloadCollector({ url: server.url, sha256: 'abc', env })).rejects.toThrow(
      /64 hexadecimal digits/,
    );
  });

  it('knows the official release of a platform', () => {
    expect(releaseUrl('linux', 'x64')).toMatch(/otelcol-contrib_0\.155\.0_linux_amd64\.tar\.gz$/);
    expect(releaseUrl('darwin', 'arm64')).toMatch(/darwin_arm64\.tar\.gz$/);
    expect(releaseUrl('aix', 'ppc')).toBeUndefined();
  });
});

describe('building with Go', () => {
  it('builds once, at a place that the sources name', async () => {
    using folder = temporaryFolder();
    const env = { LLM_OTEL_REAL_DIR: folder.path };
    const go = program(
      join(folder.path, 'go'),
      `const { writeFileSync, readdirSync } = require('node:fs');
       const args = process.argv.slice(2);
       writeFileSync(args[args.indexOf('-o') + 1], JSON.stringify({ args, files: readdirSync('.'), cgo: process.env.CGO_ENABLED }));
       console.error('compiling');`,
    );
    const lines: string[] = [];
    const first = await buildCollector({ env, go, log: (line) => lines.push(line) });
    expect(first).toEqual({ path: builtCollectorPath(env), built: true });
    expect(lines).toEqual(['compiling']);
    const made = JSON.parse(readFileSync(first.path, 'utf8')) as {
      args: string[];
      files: string[];
      cgo: string;
    };
    expect(made.args.slice(0, BUILD_ARGUMENTS.length)).toEqual(BUILD_ARGUMENTS);
    expect(made.args).toContain('-mod=readonly');
    expect(made.files).toContain('components.go');
    expect(made.cgo).toBe('0');
    expect(await buildCollector({ env, go: 'there-is-no-such-command' })).toEqual({
      path: first.path,
      built: false,
    });
  });

  it('leaves nothing behind when it fails, and says why', async () => {
    using folder = temporaryFolder();
    const env = { LLM_OTEL_REAL_DIR: join(folder.path, 'cache') };
    const go = program(join(folder.path, 'go'), `console.error('main.go:3: broken'); process.exit(1);`);
    await expect(buildCollector({ env, go })).rejects.toThrow('go exited with 1): main.go:3: broken');
    expect(existsSync(builtCollectorPath(env))).toBe(false);
    await expect(buildCollector({ env, go: 'there-is-no-such-command' })).rejects.toThrow(
      /Go is not installed/,
    );
  });
});
