import type { Monitoring } from '../../config/index.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The secret variables that the Collector's environment should have: what is set there already, what
 * `monitoring.yaml` holds for the same service, and MLflow's header made of MLflow's own variables.
 */
export function secretVariables(config: Partial<Monitoring>, env: Environment): Record<string, string> {
  const secrets: readonly (readonly [name: string, value: string | undefined])[] = [
    ['LLM_OTEL_HUB_TOKEN', config.hub?.token?.reveal()],
    // Comet and Opik are one account with one key.
    ['OPIK_API_KEY', config.experiment_tracking?.comet?.api_key?.reveal()],
    ['MLFLOW_AUTHORIZATION', mlflowAuthorization(env)],
    ['WANDB_API_KEY', undefined],
    ['OTLP_AUTHORIZATION', undefined],
    ['REMOTE_WRITE_AUTHORIZATION', undefined],
  ];
  const result: Record<string, string> = {};
  for (const [name, made] of secrets) {
    const value = env[name] || made;
    if (value) result[name] = value;
  }
  return result;
}

/** MLflow's clients take either user and password (Basic) or a token (Bearer). */
function mlflowAuthorization(env: Environment): string | undefined {
  const user = env['MLFLOW_TRACKING_USERNAME'];
  const token = env['MLFLOW_TRACKING_TOKEN'];
  if (user) {
    const password = env['MLFLOW_TRACKING_PASSWORD'] ?? '';
    return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
  }
  return token ? `Bearer ${token}` : undefined;
}
