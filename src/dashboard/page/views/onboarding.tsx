import { useState } from 'preact/hooks';

/** Shown while the hub has nothing at all: the three ways to send something, ready to be copied. */
export function Onboarding() {
  const origin = location.origin;
  const ways = [
    {
      title: 'A server that you have (no code change)',
      code: `OTEL_EXPORTER_OTLP_ENDPOINT=${origin} \\\n  node --import llm-otel/register server.mjs`,
    },
    {
      title: 'A training loop in Node',
      code: `import { startRun } from 'llm-otel/training';\n\nconst run = await startRun({ project: 'my-llm', name: 'first' });\nfor (let step = 0; step < 100; step++) {\n  run.step({ 'train/loss': 4 * Math.exp(-step / 40) });\n}\nawait run.finish();`,
    },
    {
      title: 'Any other program with OpenTelemetry',
      code: `OTEL_EXPORTER_OTLP_ENDPOINT=${origin}\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`,
    },
  ];
  return (
    <section class="card onboarding" aria-label="No data yet">
      <h2>No data yet: how to send some</h2>
      <p class="muted">This page shows what reaches the hub, as soon as it does. Nothing has so far.</p>
      <div class="ways">
        {ways.map(({ title, code }) => (
          <Snippet key={title} title={title} code={code} />
        ))}
      </div>
    </section>
  );
}

function Snippet({ title, code }: { title: string; code: string }) {
  const [copied, setCopied] = useState('');
  const copy = (): void => {
    navigator.clipboard.writeText(code).then(
      () => setCopied('Copied'),
      () => setCopied('Select the text and copy it'),
    );
  };
  return (
    <div class="snippet">
      <header>
        <h3>{title}</h3>
        <button type="button" class="quiet" onClick={copy}>
          Copy
        </button>
        <span class="muted" role="status">
          {copied}
        </span>
      </header>
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
    </div>
  );
}
