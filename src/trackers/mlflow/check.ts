import { type MlflowOptions, mlflowSettings } from './config.ts';
import { hostAdvice, MlflowClient } from './client.ts';
import type { PlatformContext } from '../platform.ts';

/** What was found out about a tracking server. */
export interface MlflowCheck {
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly advice?: string;
}

/** Oldest server that takes traces over OTLP with authentication, and that is tested. */
const OLDEST = [3, 10] as const;
const CHECK_MS = 10_000;

/**
 * Looks at an MLflow server as a run would use it: options, address, version, host check, rights. Never rejects.
 * `/version` is exempt from the host check, so a call of the API is made too.
 */
export async function checkMlflow(
  options: MlflowOptions,
  env: PlatformContext['env'],
): Promise<MlflowCheck[]> {
  const found: MlflowCheck[] = [];
  let client: MlflowClient;
  let base: string;
  try {
    const settings = mlflowSettings(options, {
      env,
      warn: (message) => found.push({ state: 'warn', message }),
    });
    base = settings.base;
    client = new MlflowClient(settings);
  } catch (error) {
    return [{ state: 'fail', message: messageOf(error) }];
  }
  const signal = AbortSignal.timeout(CHECK_MS);
  try {
    found.push(versionCheck(await client.raw('/version', signal), base));
    await client.post('experiments/search', { max_results: 1 }, signal);
    if (found.every(({ state }) => state !== 'fail')) found.push({ state: 'ok', message: `${base} answers` });
  } catch (error) {
    const message = messageOf(error);
    found.push(
      message.startsWith('MLflow refuses the host name')
        ? { state: 'fail', message: `${base} refuses its host name`, advice: hostAdvice(new URL(base)) }
        : { state: 'fail', message, advice: `check tracking_uri (${base}) and that the server runs` },
    );
  } finally {
    client.close();
  }
  return found;
}

function versionCheck({ status, text }: { status: number; text: string }, base: string): MlflowCheck {
  const version = text.trim();
  const [, major = 0, minor = 0] = (/^(\d+)\.(\d+)\.\S+$/.exec(version) ?? []).map(Number);
  if (status !== 200 || major === 0)
    return {
      state: 'warn',
      message: `${base}/version does not tell a version (${status})`,
      advice: 'is it an MLflow server? A prefix (--static-prefix) belongs into tracking_uri',
    };
  if (isOlder(major, minor))
    return {
      state: 'warn',
      message: `MLflow ${version} is older than ${OLDEST.join('.')}`,
      advice: 'upgrade the server; older ones may answer 400 to points that they have already',
    };
  return { state: 'ok', message: `MLflow ${version}` };
}

/** Whether a server is older than what is expected. */
export function isOlder(major: number, minor: number): boolean {
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
