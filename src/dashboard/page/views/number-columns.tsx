/** Heads of columns of numbers. */
export function NumberColumns({ names }: { names: readonly string[] }) {
  return (
    <>
      {names.map((name) => (
        <th scope="col" class="number" key={name}>
          {name}
        </th>
      ))}
    </>
  );
}
