const MASK = '***';

/** Names of arguments whose value nobody but the program may see. */
const SECRET_NAME =
  /(^|[-_.])(api[-_]?key|access[-_]?key|private[-_]?key|key|token|secret|secrets|password|passwd|pwd|pass|auth|authorization|credential|credentials|bearer|cookie|dsn|webhook)([-_.](id|value|url))?$/i;
/** Values that are keys whatever they are called: of OpenAI, Hugging Face, GitHub, GitLab, Slack, AWS, Google; JSON web tokens. */
const SECRET_VALUE =
  /\b(sk-[\w-]{12,}|hf_\w{12,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{12,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)/g;
/** User and password of an address. */
const CREDENTIALS = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi;

/** A text without the keys and passwords that can be told from their looks. */
export function maskText(text: string): string {
  return text.replace(CREDENTIALS, `$1${MASK}@`).replace(SECRET_VALUE, MASK);
}

function isSecretName(name: string): boolean {
  const bare = name.replace(/^-+/, '').replaceAll(/([a-z])([A-Z])/g, '$1-$2');
  return SECRET_NAME.test(bare);
}

/** The arguments of a command line, with those that are obviously secret masked: `--api-key=***`, `--token ***`, `KEY=***`. */
export function maskArguments(args: readonly string[]): string[] {
  const masked: string[] = [];
  let secretNext = false;
  for (const arg of args) {
    if (secretNext && !arg.startsWith('--')) {
      masked.push(MASK);
      secretNext = false;
      continue;
    }
    const equals = arg.indexOf('=');
    const name = equals < 0 ? arg : arg.slice(0, equals);
    if (equals >= 0 && isSecretName(name)) masked.push(`${name}=${MASK}`);
    else masked.push(maskText(arg));
    secretNext = equals < 0 && arg.startsWith('-') && isSecretName(name);
  }
  return masked;
}
