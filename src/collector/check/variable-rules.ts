import { findReferences } from '../compose/references.ts';
import { VARIABLES } from '../compose/variables.ts';
import type { ConfigFinding } from './finding.ts';
import { type Located, scalarsOf } from './located.ts';

const SECRETS = new Set(VARIABLES.filter(({ secret }) => secret).map(({ name }) => name));
/** Keys whose value signs in. */
const CREDENTIAL_KEY = /^(authorization|.*(api[-_]?key|token|password|secret|credential).*)$/i;
const CREDENTIAL_VARIABLE = /KEY|TOKEN|PASSWORD|SECRET|AUTHORIZATION/;
/** What people write where nothing is meant, and what would then be sent as a password. */
const PLACEHOLDER =
  /^(|none|null|nil|undefined|false|-|changeme|change-me|todo|xxx+|your[-_ ].*|<.*>|(bearer|basic)\s*(none|null|undefined)?)$/i;

/** Variables that are missing, and credentials that are none. Values are never shown. */
export function checkVariables(
  merged: Located,
  env: Readonly<Record<string, string | undefined>>,
): ConfigFinding[] {
  const findings: ConfigFinding[] = [];
  const told = new Set<string>();
  for (const { path, place, value } of scalarsOf(merged)) {
    const report = (severity: ConfigFinding['severity'], message: string) =>
      findings.push({ ...place, severity, path: path.join('.'), message });
    const isCredential = path.includes('headers') || CREDENTIAL_KEY.test(path.at(-1) ?? '');
    const signsIn = CREDENTIAL_KEY.test(path.at(-1) ?? '');
    if (value === null && isCredential)
      report('error', 'is empty: an empty header would be sent; leave the key out');
    if (typeof value !== 'string') continue;
    const references = findReferences(value);
    if (references.length === 0 && signsIn && path[0] !== 'service') {
      report(
        PLACEHOLDER.test(value.trim()) ? 'error' : 'warning',
        PLACEHOLDER.test(value.trim())
          ? 'is a placeholder, and would be sent as it is'
          : 'is a secret in a file; write ${env:NAME} and set the variable',
      );
    }
    for (const { name, fallback } of references) {
      const set = env[name];
      if (fallback === '') {
        report(
          'error',
          `\${env:${name}:-} has an empty default, which Collectors before 0.156 read as no value at all`,
        );
      } else if (fallback !== undefined) {
        if ((isCredential || CREDENTIAL_VARIABLE.test(name)) && !set && PLACEHOLDER.test(fallback.trim()))
          report(
            'error',
            `sends ${JSON.stringify(fallback)} when ${name} is not set; leave the default away`,
          );
      } else if (set === undefined || set === '') {
        if (told.has(`${place.file}:${name}`)) continue;
        told.add(`${place.file}:${name}`);
        report('error', `environment variable ${name} is not set`);
      }
      if (set && (signsIn || SECRETS.has(name)) && PLACEHOLDER.test(set.trim()))
        report('error', `environment variable ${name} holds a placeholder, which would be sent as it is`);
    }
    if (/(^|[^$])\$[A-Za-z_]/.test(value) && references.length === 0)
      report('error', '$NAME is no longer read (since 0.107); write ${env:NAME}, or $$ for a dollar');
  }
  return findings;
}
