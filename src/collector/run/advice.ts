/** What a Collector's last words mean, and what to do. Source: the Collector's messages at 0.155, seen. */
const KNOWN: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [
    /address already in use/,
    'a port is taken: another Collector or a hub owns it. Choose other ports (collector.ports), or start the hub with --no-otlp-port',
  ],
  [
    /(failed to|cannot) (open|create).*timeout|file_storage.*timeout|: timeout$/,
    'the folder of its queues is in use: one Collector a folder. Stop the other one, or set collector.state_dir',
  ],
  [
    /invalid database|panic: .*(page|freelist|bbolt)|go\.etcd\.io\/bbolt/,
    'a queue file is damaged (a power failure does that). Move the file of <state>/queue that it names elsewhere and start again: what waited in it is lost, nothing else',
  ],
  [/no space left on device/, 'the disk is full: free some, nothing that it acknowledged is lost'],
  [/permission denied/, 'it may not write into its folder: see collector.state_dir'],
  [
    /invalid (configuration|keys)|cannot unmarshal|failed to get config/,
    'run "llm-otel collector validate" for the line',
  ],
];

/** @returns what to do; undefined when the words are not known */
export function adviceFor(lines: readonly string[]): string | undefined {
  const text = lines.join('\n');
  return KNOWN.find(([pattern]) => pattern.test(text))?.[1];
}
