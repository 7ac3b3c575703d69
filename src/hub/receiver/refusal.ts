import { RPC_CODE } from '../../otlp/index.ts';

/** Why a request is refused, with the google.rpc.Code that goes with the status. Source: OTLP 1.11 specification. */
export const REFUSAL = {
  badData: { status: 400, code: RPC_CODE.invalidArgument },
  badEncoding: { status: 400, code: RPC_CODE.invalidArgument },
  unauthenticated: { status: 401, code: RPC_CODE.unauthenticated },
  foreignOrigin: { status: 403, code: RPC_CODE.permissionDenied },
  method: { status: 405, code: RPC_CODE.unimplemented },
  tooSlow: { status: 408, code: RPC_CODE.deadlineExceeded },
  tooLarge: { status: 413, code: RPC_CODE.resourceExhausted },
  contentType: { status: 415, code: RPC_CODE.invalidArgument },
  internal: { status: 500, code: RPC_CODE.internal },
  overloaded: { status: 503, code: RPC_CODE.unavailable },
} as const;

/** Ends a request with a status; the message goes to the sender. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly reason: keyof typeof REFUSAL;
  readonly headers: Readonly<Record<string, string>>;

  constructor(reason: keyof typeof REFUSAL, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.reason = reason;
    this.headers = headers;
  }
}

/** The sender went away in the middle of its body: there is nobody to answer. */
export class HangUp extends Error {
  override name = 'HangUp';
}
