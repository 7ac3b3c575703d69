import type { JsonValue } from '../../../conventions/hub-api.ts';

const valueText = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Names and values in a card. */
export function Values({
  title,
  values,
  none = '',
}: {
  title: string;
  values: Record<string, JsonValue>;
  none?: string;
}) {
  const entries = Object.entries(values);
  return (
    <section class="card" aria-label={title}>
      <header class="card-head">
        <h3>{title}</h3>
        <span class="badge">{entries.length}</span>
      </header>
      {entries.length === 0 ? (
        <p class="empty muted">{none}</p>
      ) : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={title}>
          <table class="pairs">
            <tbody>
              {entries.map(([name, value]) => (
                <tr key={name}>
                  <th scope="row" title={name}>
                    {name}
                  </th>
                  <td title={valueText(value)}>{valueText(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
