import { type Asked, type Answer, refusal, type StandIn, startStandIn } from './stand-in.ts';

interface Run {
  id: string;
  experiment: string;
  status: string;
  tags: Map<string, string>;
  params: Map<string, string>;
  /** Points by identity, as the server keeps them: an equal one counts once. */
  points: Set<string>;
}

type Pair = { key: string; value: string };

/** A stand-in that remembers: runs, parameters, tags and points, by MLflow's rules for what comes twice. */
export class MlflowStandIn {
  readonly runs: Run[] = [];
  /** Names; their ids count from 7. */
  readonly experiments: string[] = [];
  /** Logged models: the record that each was made for. */
  readonly models: string[] = [];
  readonly registered = new Set<string>();
  /** Of registered models. */
  readonly versions: { name: string; source: string; run_id: string; model_id: string }[] = [];
  /** Files by the path below the artifact root. */
  readonly files = new Map<string, string>();
  server!: StandIn;
  /** Says what to answer instead; `undefined` for the usual. `applied`: after it has taken effect. */
  disturb: (asked: Asked, applied: boolean) => Answer | undefined = () => undefined;

  static async start(): Promise<MlflowStandIn> {
    const made = new MlflowStandIn();
    made.server = await startStandIn((asked) => made.#answer(asked));
    return made;
  }

  get url(): string {
    return this.server.url;
  }

  /** Steps of a key's points, ascending. */
  steps(key: string): number[] {
    return this.runs
      .flatMap(({ points }) =>
        [...points].map((point) => JSON.parse(point) as [string, number, number, unknown]),
      )
      .filter(([name]) => name === key)
      .map(([, , step]) => step)
      .sort((a, b) => a - b);
  }

  #answer(asked: Asked): Answer | undefined {
    const before = this.disturb(asked, false);
    if (before) return before;
    const answer = this.#apply(asked);
    return this.disturb(asked, true) ?? answer;
  }

  #apply({ path, query, body, text }: Asked): Answer | undefined {
    const file = /\/mlflow-artifacts\/artifacts\/(.*)$/.exec(path)?.[1];
    if (file !== undefined) {
      this.files.set(file, text);
      return {};
    }
    const run = this.runs.find(({ id }) => id === body['run_id']);
    switch (path.split('/').slice(-2).join('/')) {
      case 'experiments/get-by-name': {
        const name = query.get('experiment_name') ?? '';
        if (!this.experiments.includes(name)) this.experiments.push(name);
        const id = String(7 + this.experiments.indexOf(name));
        return { experiment: { experiment_id: id, lifecycle_stage: 'active' } };
      }
      case 'runs/create': {
        const made: Run = {
          id: `m${this.runs.length}`,
          experiment: String(body['experiment_id']),
          status: 'RUNNING',
          tags: new Map((body['tags'] as Pair[]).map(({ key, value }) => [key, value])),
          params: new Map(),
          points: new Set(),
        };
        this.runs.push(made);
        return { run: shown(made) };
      }
      case 'runs/search': {
        const id = /llm\.run\.id` = '([^']*)'/.exec(String(body['filter']))?.[1];
        const rank = /llm\.rank` = '([^']*)'/.exec(String(body['filter']))?.[1];
        const experiments = (body['experiment_ids'] ?? []) as string[];
        return {
          runs: this.runs
            .filter(({ experiment }) => experiments.includes(experiment))
            .filter(({ tags }) => tags.get('llm.run.id') === id && tags.get('llm.rank') === rank)
            .map(shown),
        };
      }
      case 'runs/get':
        return { run: shown(this.runs.find(({ id }) => id === query.get('run_id')) as Run) };
      case 'runs/update':
        if (run) run.status = String(body['status']);
        return {};
      case 'runs/log-batch':
        for (const { key, value } of (body['params'] ?? []) as Pair[]) run?.params.set(key, value);
        for (const { key, value } of (body['tags'] ?? []) as Pair[]) run?.tags.set(key, value);
        for (const { key, value, timestamp, step } of (body['metrics'] ?? []) as (Pair & {
          timestamp: number;
          step: number;
        })[])
          run?.points.add(JSON.stringify([key, timestamp, step, value]));
        return {};
      case 'logged-models/search': {
        const record = /llm\.run\.record` = '([^']*)'/.exec(String(body['filter']))?.[1] ?? '';
        const index = this.models.indexOf(record);
        return { models: index < 0 ? [] : [shownModel(index)] };
      }
      case 'mlflow/logged-models': {
        const record = (body['tags'] as Pair[]).find(({ key }) => key === 'llm.run.record')?.value ?? '';
        return { model: shownModel(this.models.push(record) - 1) };
      }
      case 'registered-models/create': {
        const name = String(body['name']);
        if (this.registered.has(name)) return refusal(400, 'RESOURCE_ALREADY_EXISTS', `${name} is there`);
        this.registered.add(name);
        return {};
      }
      case 'model-versions/search': {
        const id = /run_id = '([^']*)'/.exec(query.get('filter') ?? '')?.[1];
        return { model_versions: this.versions.filter((version) => version.run_id === id) };
      }
      case 'model-versions/create': {
        const version = body as (typeof this.versions)[number];
        if (!this.registered.has(version.name)) return refusal(404, 'RESOURCE_DOES_NOT_EXIST', version.name);
        this.versions.push(version);
        return {};
      }
      default:
        return undefined;
    }
  }
}

function shownModel(index: number): object {
  return { info: { model_id: `lm${index}`, artifact_uri: `mlflow-artifacts:/7/models/lm${index}` } };
}

function shown(run: Run): object {
  const pairs = (map: Map<string, string>): Pair[] => [...map].map(([key, value]) => ({ key, value }));
  return {
    info: {
      run_id: run.id,
      experiment_id: run.experiment,
      status: run.status,
      artifact_uri: `mlflow-artifacts:/${run.experiment}/${run.id}/artifacts`,
    },
    data: { params: pairs(run.params), tags: pairs(run.tags) },
  };
}
