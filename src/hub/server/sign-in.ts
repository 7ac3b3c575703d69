import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Sign-in to page and API: a token for programs, a one-time code in the page's address for a person. */
export interface SignIn {
  /** True when the request carries the token as bearer, or the cookie of a session. */
  known(headers: { authorization?: string | undefined; cookie?: string | undefined }): boolean;
  bearer(authorization: string | undefined): boolean;
  /** The `Set-Cookie` value of a new session when the code is right; a one-time code is used up by it. */
  exchange(code: string): string | undefined;
  /** A code that opens one session within an hour, for the address that is printed at start. */
  code(): string;
}

/** Shortest token that is taken: one that is guessed is worse than none. */
export const SHORTEST_TOKEN = 16;
/** Sessions at a time; the oldest makes room. */
const MOST_SESSIONS = 256;
/** Unused codes at a time. */
const MOST_CODES = 16;
/** How long a code waits to be used, ms: addresses that are printed end up in logs. */
const CODE_LIFE = 3_600_000;

/** 256 bits, in the alphabet of addresses. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * @param token what programs send as `Authorization: Bearer`, and what opens a session at `/?token=`.
 * @param cookieName told apart by port: browsers send a cookie to every port of a host.
 */
export function createSignIn(token: string, cookieName: string, now: () => number = Date.now): SignIn {
  const tokenHash = hash(token);
  const sessions = new Set<string>();
  /** Until when each is good, by hash. */
  const codes = new Map<string, number>();
  const useUp = (code: string): boolean => {
    const id = hash(code).toString('hex');
    const until = codes.get(id);
    codes.delete(id);
    return until !== undefined && now() <= until;
  };
  const holds = (set: ReadonlySet<string>, secret: string) => set.has(hash(secret).toString('hex'));
  const isToken = (secret: string) => timingSafeEqual(hash(secret), tokenHash);
  const signIn: SignIn = {
    known: ({ authorization, cookie }) =>
      signIn.bearer(authorization) || cookies(cookie, cookieName).some((secret) => holds(sessions, secret)),
    bearer(authorization) {
      const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
      return given !== undefined && isToken(given);
    },
    exchange(code) {
      if (!isToken(code) && !useUp(code)) return undefined;
      const session = newToken();
      if (sessions.size >= MOST_SESSIONS) sessions.delete(sessions.values().next().value as string);
      sessions.add(hash(session).toString('hex'));
      return `${cookieName}=${session}; HttpOnly; SameSite=Strict; Path=/`;
    },
    code() {
      const code = newToken();
      if (codes.size >= MOST_CODES) codes.delete(codes.keys().next().value as string);
      codes.set(hash(code).toString('hex'), now() + CODE_LIFE);
      return code;
    },
  };
  return signIn;
}

/** Secrets are compared, and looked up, by hash: how long that takes tells nothing of them. */
function hash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function cookies(header: string | undefined, name: string): string[] {
  return (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}
