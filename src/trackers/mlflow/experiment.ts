import { MlflowRefused, type MlflowClient } from './client.ts';

interface Experiment {
  experiment_id: string;
  lifecycle_stage?: string;
}

/**
 * The id of an experiment by its name: found, made, or brought back when it was deleted (its name stays taken).
 * Two runs that start at once may both try to make it: the slower one takes what the faster one made.
 */
export async function experimentIdOf(
  client: MlflowClient,
  name: string,
  options: {
    artifactLocation?: string | undefined;
    warn?: (message: string) => void;
    signal?: AbortSignal | undefined;
  },
): Promise<string> {
  const { artifactLocation, signal } = options;
  const found = await byName(client, name, signal);
  if (!found) {
    try {
      const body = {
        name,
        ...(artifactLocation === undefined ? {} : { artifact_location: artifactLocation }),
      };
      const made = (await client.post('experiments/create', body, signal, { once: true })) as Experiment;
      return made.experiment_id;
    } catch (error) {
      if (!(error instanceof MlflowRefused) || error.errorCode !== 'RESOURCE_ALREADY_EXISTS') throw error;
    }
  }
  const experiment = found ?? (await byName(client, name, signal));
  if (!experiment) throw new Error(`MLflow says that the experiment ${name} exists, and does not show it`);
  if (experiment.lifecycle_stage === 'deleted') {
    await client.post('experiments/restore', { experiment_id: experiment.experiment_id }, signal);
    options.warn?.(`The experiment ${name} was deleted in MLflow; it was restored for this run.`);
  }
  return experiment.experiment_id;
}

async function byName(
  client: MlflowClient,
  name: string,
  signal?: AbortSignal,
): Promise<Experiment | undefined> {
  try {
    const reply = await client.get('experiments/get-by-name', { experiment_name: name }, signal);
    return (reply as { experiment?: Experiment }).experiment;
  } catch (error) {
    if (error instanceof MlflowRefused && error.errorCode === 'RESOURCE_DOES_NOT_EXIST') return undefined;
    throw error;
  }
}
