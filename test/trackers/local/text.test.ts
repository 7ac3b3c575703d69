import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvSink, JsonSink, EXPORT_FORMATS, type RunSink } from '../../../src/trackers/index.ts';
import { csvCell } from '../../../src/trackers/local/csv.ts';
import { rankFolder } from '../../../src/training/journal/folder.ts';
import { exportJournal } from '../../../src/training/index.ts';
import { startTestRun } from '../../training/starting.ts';
import { temporaryFolder } from '../../training/temporary.ts';

class Collected extends Writable {
  text = '';
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** The journal of a run with everything in it. */
async function recorded(): Promise<string> {
  const journalDir = temporaryFolder();
  const { run } = await startTestRun({
    journalDir,
    id: 'r1',
    name: 'first',
    params: { lr: 0.1, formula: '=1+1' },
    tags: ['fast'],
  });
  run.step({ 'train/loss': 0.5, 'train/z': -0 }, { epoch: 0.5 });
  run.step({ 'train/loss': Number.NaN, big: Infinity });
  run.params({ warmup: 3 });
  run.note('a "quoted", note\nof two lines');
  await run.artifact(join(rankFolder(journalDir, 'r1', 0), 'cursor.json')).catch(() => {});
  await run.finish('failed', { best: 0.5 });
  return rankFolder(journalDir, 'r1', 0);
}
async function written(dir: string, open: (output: Writable) => RunSink): Promise<string> {
  const output = new Collected();
  await exportJournal(dir, open(output));
  return output.text;
}

/** Rows of an RFC 4180 text, read independently of how it was written. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ',') {
      row.push(cell);
      cell = '';
    } else if (char === '\n') {
      row.push(cell.replace(/\r$/, ''));
      rows.push(row);
      row = [];
      cell = '';
    } else cell += char;
  }
  return rows;
}

describe('a run as JSON lines', () => {
  it('has every record, with numbers exact and non-finite ones as text', async () => {
    const text = await written(await recorded(), (output) => new JsonSink(output));
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ type }) => type)).toEqual([
      'run',
      'step',
      'step',
      'note',
      'params',
      'note',
      'note',
      'end',
    ]);
    expect(lines[0]).toMatchObject({
      id: 'r1',
      name: 'first',
      project: 'test',
      params: { lr: 0.1 },
      tags: { fast: true },
    });
    expect(lines[1]).toMatchObject({ step: 0, epoch: 0.5, values: { 'train/loss': 0.5, 'train/z': -0 } });
    expect(lines[2]).toMatchObject({ step: 1, values: { 'train/loss': 'NaN', big: 'Infinity' } });
    expect(lines.at(-1)).toMatchObject({ status: 'failed', summary: { best: 0.5 } });
  });

  it('is written to a file whose folder need not exist', async () => {
    const path = join(temporaryFolder(), 'new', 'run.jsonl');
    const target = await EXPORT_FORMATS.json.open(path, 1);
    const report = await exportJournal(await recorded(), target.sink(0));
    await target.finish();
    expect(report).toMatchObject({ records: 8, status: 'failed', problems: [] });
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(8);
  });
});

describe('a run as CSV', () => {
  it('has one value a row, and reads back', async () => {
    const rows = parseCsv(await written(await recorded(), (output) => new CsvSink(output)));
    const [head, ...body] = rows;
    expect(head).toEqual(['run', 'rank', 'seq', 'time', 'kind', 'step', 'epoch', 'key', 'value']);
    const cells = body.map(([run, , , , kind, step, epoch, key, value]) => [
      run,
      kind,
      step,
      epoch,
      key,
      value,
    ]);
    expect(cells).toContainEqual(['r1', 'param', '', '', 'lr', '0.1']);
    expect(cells).toContainEqual(['r1', 'param', '', '', 'formula', "'=1+1"]);
    expect(cells).toContainEqual(['r1', 'tag', '', '', 'fast', 'true']);
    expect(cells).toContainEqual(['r1', 'value', '0', '0.5', 'train/loss', '0.5']);
    expect(cells).toContainEqual(['r1', 'value', '0', '0.5', 'train/z', '-0']);
    expect(cells).toContainEqual(['r1', 'value', '1', '', 'train/loss', 'NaN']);
    expect(cells).toContainEqual(['r1', 'note', '', '', 'info', 'a "quoted", note\nof two lines']);
    expect(cells).toContainEqual(['r1', 'end', '', '', 'status', 'failed']);
    expect(cells).toContainEqual(['r1', 'end', '', '', 'best', '0.5']);
  });

  it('never writes a text that a spreadsheet would run, and loses no text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `=${text}`),
          fc.string().map((text) => `\t@${text}`),
        ),
        (text) => {
          const [[read] = []] = parseCsv(`${csvCell(text)},\n`);
          expect(read).not.toMatch(/^[=+\-@\t\r]/);
          expect([text, `'${text}`]).toContain(read);
        },
      ),
    );
    expect(csvCell(-1.5)).toBe('-1.5');
  });
});
