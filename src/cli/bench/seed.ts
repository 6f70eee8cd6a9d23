// What the benchmark measures on: one workspace, ten active journeys that all listen to its event.
const JOURNEYS = 10;

/** Makes the workspace through the API, as an operator would. @returns its API key */
export async function seedBenchmark(baseUrl: string, adminToken: string): Promise<string> {
  const operator = { authorization: `Bearer ${adminToken}` };
  const { id } = await post<{ id: string }>(`${baseUrl}/api/v1/workspaces`, operator, { name: "Benchmark" });
  const { key } = await post<{ key: string }>(`${baseUrl}/api/v1/api-keys`, operator, {
    workspaceId: id,
    label: "benchmark",
    scopes: ["events:write", "journeys:read", "journeys:write"],
  });
  for (let i = 0; i < JOURNEYS; i++) {
    await post(`${baseUrl}/api/v1/journeys`, { "x-api-key": key }, journey(i));
    await post(`${baseUrl}/api/v1/journeys/${journey(i).key}/activate`, { "x-api-key": key }, {});
  }
  return key;
}

/** Half of them skip by their filter, half take each person once and skip from then on. */
function journey(i: number) {
  const filter = {
    $and: [
      { $state: "/event/total", gte: 1_000 + i },
      { $state: "/profile/plan", eq: "Pro" },
    ],
  };
  return {
    key: `journey-${i}`,
    name: `Journey ${i}`,
    entry: { event: "order.created", ...(i % 2 === 0 ? { filter } : {}) },
    steps: [
      { id: "wait", type: "delay", for: "P1D" },
      { id: "done", type: "exit" },
    ],
  };
}

async function post<T>(url: string, headers: Record<string, string>, body: unknown): Promise<T> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
