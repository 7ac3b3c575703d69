export { decodeAttributes, encodeAttributes } from './any-value.ts';
export { OtlpDecodeError } from './decode-error.ts';
export { decodeRequest, type OtlpContentType } from './decode.ts';
export { toJson } from './json-encode.ts';
export { type JsonLinesResult, readJsonLines } from './json-lines.ts';
export type * from './model.ts';
export { encodeRequest } from './protobuf-encode.ts';
export { encodeExportResponse, encodeStatus, RPC_CODE } from './response.ts';
export { millisecondsOf, nanosecondsOf } from './time.ts';
