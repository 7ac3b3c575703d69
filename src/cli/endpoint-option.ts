import { InvalidArgumentError, Option } from 'commander';

/**
 * `--endpoint`, the same for every command that sends. An address that is none must not be replaced by the default:
 * data would go where nobody meant them to.
 *
 * @param explanation what is sent there, for the help
 */
export function endpointOption(explanation: string): Option {
  return new Option('--endpoint <url>', explanation).argParser((text) => {
    if (URL.canParse(text) && /^https?:\/\//.test(text)) return text;
    throw new InvalidArgumentError('Expected an address that starts with http:// or https://.');
  });
}

/** For commands that send to what the environment names when no option does. */
export const ENDPOINT_HELP =
  'OTLP endpoint (default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://127.0.0.1:4318)';
