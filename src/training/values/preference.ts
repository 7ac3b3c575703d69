/** Values of a step of direct preference optimisation: rewards by pair, or their means where the program has those. */
export interface PreferenceValues {
  /** Implicit rewards, beta x (log-probability of the policy - of the reference); one a pair, in the same order. */
  chosenRewards?: ArrayLike<number>;
  rejectedRewards?: ArrayLike<number>;
  chosenRewardMean?: number;
  rejectedRewardMean?: number;
  chosenRewardStd?: number;
  rejectedRewardStd?: number;
  /** Default: mean chosen - mean rejected reward. */
  rewardMargin?: number;
  /** Default: share of pairs in which the chosen reply has the higher reward. */
  rewardAccuracy?: number;
  /** Further values, kept under their own keys. */
  [key: string]: number | ArrayLike<number> | undefined;
}

const NAMED = new Set([
  'chosenRewards',
  'rejectedRewards',
  'chosenRewardMean',
  'rejectedRewardMean',
  'chosenRewardStd',
  'rejectedRewardStd',
  'rewardMargin',
  'rewardAccuracy',
]);

/**
 * The values under their `dpo/` keys; what was not given is derived (Rafailov et al. 2023, section 4; accuracy and
 * margin as TRL's DPOTrainer logs them). The spread is the population's: sqrt(mean of squared deviations).
 * Lists of different lengths have no pairs: then there is no accuracy.
 */
export function preferenceValues(values: PreferenceValues): Record<string, number> {
  const { chosenRewards: chosen, rejectedRewards: rejected } = values;
  const chosenMean = values.chosenRewardMean ?? mean(chosen);
  const rejectedMean = values.rejectedRewardMean ?? mean(rejected);
  const margin =
    values.rewardMargin ??
    (chosenMean === undefined || rejectedMean === undefined ? undefined : chosenMean - rejectedMean);
  const all: Record<string, number | undefined> = {
    'dpo/chosen_reward_mean': chosenMean,
    'dpo/rejected_reward_mean': rejectedMean,
    'dpo/reward_margin': margin,
    'dpo/reward_accuracy': values.rewardAccuracy ?? accuracy(chosen, rejected),
    'dpo/chosen_reward_std': values.chosenRewardStd ?? spread(chosen),
    'dpo/rejected_reward_std': values.rejectedRewardStd ?? spread(rejected),
  };
  for (const [key, value] of Object.entries(values)) {
    if (NAMED.has(key) || typeof value !== 'number') continue;
    all[key.includes('/') ? key : `dpo/${key}`] = value;
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

function mean(values: ArrayLike<number> | undefined): number | undefined {
  if (!values || values.length === 0) return undefined;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
}

function spread(values: ArrayLike<number> | undefined): number | undefined {
  const centre = mean(values);
  if (!values || centre === undefined) return undefined;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += ((values[i] as number) - centre) ** 2;
  return Math.sqrt(sum / values.length);
}

function accuracy(
  chosen: ArrayLike<number> | undefined,
  rejected: ArrayLike<number> | undefined,
): number | undefined {
  if (!chosen || !rejected || chosen.length === 0 || chosen.length !== rejected.length) return undefined;
  let higher = 0;
  for (let i = 0; i < chosen.length; i++) if ((chosen[i] as number) > (rejected[i] as number)) higher++;
  return higher / chosen.length;
}
