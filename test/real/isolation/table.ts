import type { IsolationRow } from './row.ts';

/** The rows for people: one block a row, its figures in one paragraph; what does not hold stands out. */
export function tableOf(rows: readonly IsolationRow[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, holds, ...figures }) => {
      const facts = Object.entries(figures).map(([figure, value]) => `${figure}=${value ?? '-'}`);
      return `${name.padEnd(width)}  ${holds ? 'holds  ' : 'not_run' in figures ? 'not run' : 'FAILS  '} ${facts.join('  ')}`;
    })
    .join('\n');
}
