import { CsvSink } from './csv.ts';
import { EXPORT_FORMATS, type ExportFormat, type ExportFormatName, type RunExport } from './export-format.ts';
import { JsonSink } from './json.ts';
import type { Output } from './text-output.ts';

export { localPlatform } from './platform.ts';
export type { LocalOptions, LocalRunFormat } from './config.ts';
export { CsvSink, EXPORT_FORMATS, JsonSink };
export type { ExportFormat, ExportFormatName, Output, RunExport };
