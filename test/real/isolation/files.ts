import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRequest } from '../../../src/otlp/index.ts';
import { readLinePieces } from '../../../src/otlp/json-line-stream.ts';
import { Receipts } from './ledger.ts';

/** What the file destination holds, read as `llm-otel import` reads it. */
export async function readFiles(
  folder: string,
): Promise<{ receipts: Receipts; torn: number; unreadable: number }> {
  const receipts = new Receipts();
  const counts = { torn: 0, unreadable: 0 };
  for (const name of existsSync(folder) ? readdirSync(folder).toSorted() : []) {
    if (!name.endsWith('.jsonl')) continue;
    for await (const piece of readLinePieces(createReadStream(join(folder, name)))) {
      if (piece.kind !== 'request') counts[piece.kind]++;
      else receipts.take(decodeRequest(piece.request.signal, 'application/json', piece.request.bytes));
    }
  }
  return { receipts, ...counts };
}
