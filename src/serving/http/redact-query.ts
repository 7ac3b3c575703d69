/**
 * Query parameters whose value is a secret. The first four are the convention's (`url.query`), the rest are the
 * usual names of keys and tokens; all in lower case.
 */
export const SECRET_PARAMETERS: readonly string[] = [
  'awsaccesskeyid',
  'signature',
  'sig',
  'x-goog-signature',
  'x-amz-signature',
  'x-amz-security-token',
  'x-amz-credential',
  'access_token',
  'api_key',
  'api-key',
  'apikey',
  'auth',
  'authorization',
  'client_secret',
  'code',
  'key',
  'password',
  'secret',
  'token',
];
const secrets = new Set(SECRET_PARAMETERS);

/** The query without its secrets: their values are replaced by `REDACTED`, everything else stays as it is. */
export function redactQuery(query: string): string {
  if (!query.includes('=')) return query;
  let changed = false;
  const parts = query.split('&').map((part) => {
    const equals = part.indexOf('=');
    if (equals < 0 || equals === part.length - 1) return part;
    if (!secrets.has(parameterName(part.slice(0, equals)))) return part;
    changed = true;
    return `${part.slice(0, equals)}=REDACTED`;
  });
  return changed ? parts.join('&') : query;
}

/** Lower case and decoded, so that `%74oken` hides nothing. */
function parameterName(raw: string): string {
  if (!raw.includes('%')) return raw.toLowerCase();
  try {
    return decodeURIComponent(raw).toLowerCase();
  } catch {
    return raw.toLowerCase();
  }
}
