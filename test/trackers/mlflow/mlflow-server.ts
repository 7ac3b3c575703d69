import { type Asked, type Answer, type StandIn, startStandIn } from './stand-in.ts';

interface Run {
  id: string;
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
  /** Logged models: the record that each was made for. */
  readonly models: string[] = [];
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

  #apply({ path, body, text }: Asked): Answer | undefined {
    const file = /\/mlflow-artifacts\/artifacts\/(.*)$/.exec(path)?.[1];
    if (file !== undefined) {
      this.files.set(file, text);
      return {};
    }
    const run = this.runs.find(({ id }) => id === body['run_id']);
    switch (path.split('/').slice(-2).join('/')) {
      case 'runs/create': {
        const made: Run = {
          id: `m${this.runs.length}`,
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
        return { runs: this.runs.filter(({ tags }) => tags.get('llm.run.id') === id).map(shown) };
      }
      case 'runs/get':
        return this.runs[0] && { run: shown(this.runs[0]) };
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
      experiment_id: '7',
      status: run.status,
      artifact_uri: `mlflow-artifacts:/7/${run.id}/artifacts`,
    },
    data: { params: pairs(run.params), tags: pairs(run.tags) },
  };
}
