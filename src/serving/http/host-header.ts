/** `server.address` and `server.port` as a Host (or :authority) header names them. */
export interface HostParts {
  readonly address: string;
  /** Undefined when the header names none. */
  readonly port: number | undefined;
}

/** Hosts seen, so that a header is taken apart once; bounded, since a client chooses its value. */
const seen = new Map<string, HostParts>();
const MAX_SEEN = 100;

/** Takes `example.com:8080`, `127.0.0.1` or `[::1]:4318` apart. */
export function parseHost(header: string): HostParts {
  const known = seen.get(header);
  if (known) return known;
  const parts = takeApart(header);
  if (seen.size >= MAX_SEEN) seen.clear();
  seen.set(header, parts);
  return parts;
}

function takeApart(header: string): HostParts {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(header);
  if (!match) return { address: header, port: undefined };
  return { address: match[1] ?? match[2] ?? '', port: match[3] ? Number(match[3]) : undefined };
}
