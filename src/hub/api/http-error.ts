/** An answer other than success: its status, and a message for the person who made the request. */
export class HttpError extends Error {
  readonly status: number;
  /** Short and stable, for programs: `bad_parameter`, `not_found` ... */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function badParameter(name: string, came: string, accepted: string): HttpError {
  const shown = came.length > 80 ? `${came.slice(0, 80)}...` : came;
  return new HttpError(400, 'bad_parameter', `Parameter \`${name}\` is "${shown}"; accepted: ${accepted}.`);
}

export function notFound(message: string): HttpError {
  return new HttpError(404, 'not_found', message);
}
