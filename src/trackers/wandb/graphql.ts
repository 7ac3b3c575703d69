/** The operations of W&B's GraphQL API that a run needs, as its own client asks them (wandb 0.31). */
export const UPSERT_BUCKET = `mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, $groupName: String, $displayName: String, $notes: String, $commit: String, $config: JSONString, $host: String, $program: String, $repo: String, $jobType: String, $tags: [String!]) {
  upsertBucket(input: {id: $id, name: $name, modelName: $project, entityName: $entity, groupName: $groupName, displayName: $displayName, notes: $notes, commit: $commit, config: $config, host: $host, jobProgram: $program, jobRepo: $repo, jobType: $jobType, tags: $tags}) {
    bucket { id name displayName config project { name entity { name } } historyLineCount }
    inserted
  }
}`;

export const RUN_RESUME_STATUS = `query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    id name entity { id name }
    bucket(name: $name, missingOk: true) {
      id name summaryMetrics displayName logLineCount historyLineCount eventsLineCount historyTail config tags
    }
  }
}`;

export const CREATE_RUN_FILES = `mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run, files: $files}) {
    runID uploadHeaders files { name uploadUrl }
  }
}`;

export const NOTIFY_ALERT = `mutation NotifyScriptableRunAlert($entityName: String!, $projectName: String!, $runName: String!, $title: String!, $text: String!, $severity: AlertSeverity = INFO, $waitDuration: Duration) {
  notifyScriptableRunAlert(input: {entityName: $entityName, projectName: $projectName, runName: $runName, title: $title, text: $text, severity: $severity, waitDuration: $waitDuration}) {
    success
  }
}`;

export interface Bucket {
  readonly id: string;
  readonly name: string;
  readonly displayName: string | null;
  /** JSON, each key `{"value": ...}`. */
  readonly config: string | null;
  readonly project: { readonly name: string; readonly entity: { readonly name: string } };
  readonly historyLineCount: number | null;
}

export interface ResumeBucket {
  readonly id: string;
  readonly name: string;
  readonly summaryMetrics: string | null;
  readonly logLineCount: number | null;
  readonly historyLineCount: number | null;
  readonly eventsLineCount: number | null;
  /** JSON: a list of rows, each JSON again. */
  readonly historyTail: string | null;
  readonly config: string | null;
  readonly tags: readonly string[] | null;
}
