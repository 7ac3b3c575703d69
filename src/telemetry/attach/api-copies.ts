import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';

const API = '@opentelemetry/api';
const LOADED = /[\\/]@opentelemetry[\\/]api[\\/]build[\\/](?:src|esm|esnext)[\\/]index\.js$/;
/** A tree of packages that is larger than this is looked at in part. */
const MAX_DIRECTORIES = 20_000;

/** A copy of `@opentelemetry/api` on disk. */
export interface ApiCopy {
  /** Folder of the package. */
  readonly path: string;
  readonly version: string;
  /** Is it loaded in this process? */
  readonly loaded: boolean;
}

export interface ApiCopies {
  /** Version of the copy that llm-otel uses. */
  readonly ownVersion: string;
  /** Version that the globals of this process were registered with; undefined when nobody registered. */
  readonly globalVersion: string | undefined;
  readonly copies: readonly ApiCopy[];
  /** What is wrong, what follows, what to do; empty when all is well. */
  readonly problems: readonly string[];
}

export interface InspectOptions {
  /** Where to look from. Default: the working directory and the folder of the main script. */
  directories?: readonly string[];
  /** True: every package below the node_modules folders is looked at, which takes a while. Default false: what can be resolved from the directories, and what is loaded. */
  deep?: boolean;
}

const DEFAULT_WHAT_TO_DO = `\`npm ls ${API}\` shows who brings which; \`npm dedupe\`, or one version under "overrides" in package.json, leaves one.`;

/**
 * Looks for several copies of `@opentelemetry/api`. Copies of one version share their globals and do no harm; a copy
 * that is newer (by its minor version) than the one that registered the SDK silently gets an API that does nothing.
 */
export function inspectApiCopies(options: InspectOptions = {}): ApiCopies {
  const directories = options.directories ?? defaultDirectories();
  const require = createRequire(import.meta.url);
  const loaded = new Set(
    Object.keys(require.cache).flatMap((file) => {
      if (!LOADED.test(file)) return [];
      return packageFolder(file) ?? [];
    }),
  );
  const own = resolveApi(import.meta.url);
  const folders = new Set<string>(loaded);
  if (own) {
    folders.add(own);
    loaded.add(own);
  }
  for (const directory of directories) {
    const found = resolveApi(join(directory, 'noop.js'));
    if (found) folders.add(found);
    if (options.deep) for (const folder of searchBelow(directory)) folders.add(folder);
  }
  const copies = [...folders]
    .sort()
    .map((path): ApiCopy => ({ path, version: versionOf(path), loaded: loaded.has(path) }));
  const ownVersion = own ? versionOf(own) : 'unknown';
  const globalVersion = registeredVersion();
  return { ownVersion, globalVersion, copies, problems: findProblems(ownVersion, globalVersion, copies) };
}

/** What follows from the copies; pure. */
export function findProblems(
  ownVersion: string,
  globalVersion: string | undefined,
  copies: readonly ApiCopy[],
): string[] {
  const problems: string[] = [];
  if (globalVersion !== undefined && globalVersion !== ownVersion)
    problems.push(
      `the OpenTelemetry API of this process was set up by ${API} ${globalVersion}, llm-otel uses ${ownVersion}: llm-otel cannot register its own SDK${
        accepts(ownVersion, globalVersion) ? '' : ', and its spans do not reach the one that is registered'
      }. ${DEFAULT_WHAT_TO_DO}`,
    );
  const registered = globalVersion ?? ownVersion;
  const deaf = copies.filter((copy) => copy.version !== registered && !accepts(copy.version, registered));
  if (deaf.length > 0)
    problems.push(
      `${copies.length} copies of ${API} are installed: ${copies
        .map((copy) => `${copy.version} in ${copy.path}${copy.loaded ? ' (loaded)' : ''}`)
        .join(
          '; ',
        )}. Libraries that use ${deaf.map((copy) => copy.version).join(', ')} do not see the SDK that was registered with ${registered}: their spans and metrics are silently lost. ${DEFAULT_WHAT_TO_DO}`,
    );
  return problems;
}

/** Does a copy of that version use globals registered by the other? The API's own rule: same major, a minor not above. */
function accepts(version: string, registered: string): boolean {
  const [major, minor] = numbers(version);
  const [registeredMajor, registeredMinor] = numbers(registered);
  return major === registeredMajor && minor <= registeredMinor;
}

function numbers(version: string): [number, number] {
  const [major, minor] = version.split('.').map((part) => Number.parseInt(part, 10));
  return [major ?? Number.NaN, minor ?? Number.NaN];
}

/** The API has no question for it; its globals stand under this symbol with their version. */
function registeredVersion(): string | undefined {
  const globals = globalThis as unknown as Record<symbol, { version?: string } | undefined>;
  return globals[Symbol.for('opentelemetry.js.api.1')]?.version;
}

function defaultDirectories(): string[] {
  const main = process.argv[1];
  return main ? [process.cwd(), dirname(resolve(main))] : [process.cwd()];
}

function resolveApi(from: string): string | undefined {
  try {
    return packageFolder(createRequire(from).resolve(API));
  } catch {
    return undefined;
  }
}

/** The folder of the package that a file of it lies in, links resolved, so that one copy counts once. */
function packageFolder(file: string): string | undefined {
  const at = file.lastIndexOf(join('@opentelemetry', 'api') + sep);
  if (at < 0) return undefined;
  return realFolder(file.slice(0, at) + join('@opentelemetry', 'api'));
}

function realFolder(folder: string): string | undefined {
  try {
    return realpathSync(folder);
  } catch {
    return undefined;
  }
}

function versionOf(folder: string): string {
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8');
    return (JSON.parse(text) as { version?: string }).version ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

/** Every copy in the node_modules folders that programs in `directory` may load from. */
function searchBelow(directory: string): string[] {
  const found: string[] = [];
  const queue: string[] = [];
  for (let at = resolve(directory); ; at = dirname(at)) {
    queue.push(join(at, 'node_modules'));
    if (dirname(at) === at) break;
  }
  for (let seen = 0; queue.length > 0 && seen < MAX_DIRECTORIES; seen++) {
    const modules = queue.shift() as string;
    for (const name of packagesIn(modules)) {
      const folder = join(modules, name);
      if (name === join('@opentelemetry', 'api')) {
        const real = existsSync(join(folder, 'package.json')) ? realFolder(folder) : undefined;
        if (real) found.push(real);
      }
      const nested = join(folder, 'node_modules');
      if (existsSync(nested)) queue.push(nested);
    }
  }
  return found;
}

function packagesIn(modules: string): string[] {
  return namesIn(modules).flatMap((name) =>
    name.startsWith('@') ? namesIn(join(modules, name)).map((inner) => join(name, inner)) : [name],
  );
}

function namesIn(folder: string): string[] {
  try {
    // Links are left out: they lead to workspaces, whose own folders are looked at from there.
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}
