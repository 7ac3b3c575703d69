import { describe, expect, it } from 'vitest';
import { runProgram } from '../run-program.ts';

describe('what a person reads on standard error', () => {
  it('is nothing when all is well', async () => {
    expect(await runProgram('voices.ts', ['plain'])).toMatchObject({ code: 0, stdout: 'own', stderr: '' });
  });

  it('is in plain words when another SDK registers too late', async () => {
    const { stderr } = await runProgram('voices.ts', ['lateSdk']);
    expect(stderr).toContain('llm-otel: another OpenTelemetry SDK tried to register after llm-otel');
    expect(stderr).toContain('Start it before llm-otel');
    expect(stderr).not.toContain('at ');
    const told = stderr.trim().split('\n');
    expect(new Set(told).size).toBe(told.length);
  });

  it('says that another version of the API was first, though diagnostics are deaf then', async () => {
    const { stderr } = await runProgram('voices.ts', ['otherVersion']);
    expect(stderr).toContain('set up by @opentelemetry/api 1.10.0, llm-otel uses 1.9');
    expect(stderr).toContain('npm ls @opentelemetry/api');
    expect(stderr).toContain('spans of this process are not recorded');
  });

  it('says so also when that other version has a logger, which does not hear us', async () => {
    const { stderr } = await runProgram('voices.ts', ['otherVersionWithLogger']);
    expect(stderr).toContain('set up by @opentelemetry/api 1.8.0');
  });

  it('has the spans too with OTEL_TRACES_EXPORTER=console', async () => {
    const env = { OTEL_TRACES_EXPORTER: 'console' };
    const { stdout } = await runProgram('voices.ts', ['console'], { env });
    expect(stdout).toContain("name: 'to the console'");
  });

  it('warns of a bad OTEL_LOG_LEVEL, and says nothing at all with none', async () => {
    const loud = await runProgram('voices.ts', ['plain'], { env: { OTEL_LOG_LEVEL: 'loud' } });
    expect(loud.stderr).toBe(
      'llm-otel: OTEL_LOG_LEVEL="loud" is not one of none, error, warn, info, debug, verbose, all; warn is used\n',
    );
    const none = await runProgram('voices.ts', ['lateSdk'], { env: { OTEL_LOG_LEVEL: 'none' } });
    expect(none.stderr).toBe('');
  });
});
