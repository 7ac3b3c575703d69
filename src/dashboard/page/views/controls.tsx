/** A row of choices of which one holds, as radio buttons in a group. */
export function Choice<T extends string | number>({
  label,
  value,
  choices,
  onChoose,
  text = String,
}: {
  label: string;
  value: T;
  choices: readonly T[];
  onChoose: (choice: T) => void;
  text?: (choice: T) => string;
}) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {choices.map((choice) => (
        <button type="button" key={choice} aria-pressed={choice === value} onClick={() => onChoose(choice)}>
          {text(choice)}
        </button>
      ))}
    </div>
  );
}
