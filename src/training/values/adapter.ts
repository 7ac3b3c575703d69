/** Parameters of a model that is tuned by low-rank adapters. */
export interface AdapterParameters {
  total: number;
  trainable: number;
}

/** The values under their `lora/` keys; percentage = 100 x trainable / total, efficiency = total / trainable. */
export function adapterValues({ total, trainable }: AdapterParameters): Record<string, number> {
  return {
    'lora/total_parameters': total,
    'lora/trainable_parameters': trainable,
    'lora/trainable_percentage': (100 * trainable) / total,
    'lora/parameter_efficiency': total / trainable,
  };
}
