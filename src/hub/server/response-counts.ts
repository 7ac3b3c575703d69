/** Answers by route and status. Routes are those of the table, so there are few. */
export interface ResponseCounts {
  count: (route: string, status: number) => void;
  all(): { route: string; status: number; count: number }[];
}

export function createResponseCounts(): ResponseCounts {
  const counts = new Map<string, { route: string; status: number; count: number }>();
  return {
    count(route, status) {
      const key = `${status} ${route}`;
      const entry = counts.get(key);
      if (entry) entry.count += 1;
      else counts.set(key, { route, status, count: 1 });
    },
    all: () => [...counts.values()],
  };
}
