export { decodeAttributes, encodeAttributes } from './any-value.ts';
export { OtlpDecodeError } from './decode-error.ts';
export { decodeRequest, type OtlpContentType } from './decode.ts';
export type * from './model.ts';
