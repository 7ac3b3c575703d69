import { fileURLToPath } from 'node:url';

/** Path of a program of ours beside a module, which are both sources or both built. `beside`: the module's `import.meta.url`. */
export function helperEntry(name: string, beside: string): string {
  return fileURLToPath(new URL(`./${name}.${beside.endsWith('.ts') ? 'ts' : 'js'}`, beside));
}
