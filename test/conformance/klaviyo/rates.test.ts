// How often Klaviyo's endpoints may be called, as their headers and refusals tell it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, type Answer } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { SOON_MS } from "../../support/patience.ts";
import { freshWorkspace } from "../fresh-workspace.ts";
import { requirement } from "../requirement.ts";
import {
  anAddress,
  BULK_JOBS,
  bulkItem,
  bulkJob,
  CLIENT_BULK,
  CLIENT_EVENTS,
  EVENTS,
  LIMITS,
  metricNamed,
  nestedEvent,
  NEWEST,
  OURS,
  profileOf,
  SEEN,
  send,
  unique,
  UUID,
  type SendOptions,
} from "./calls.ts";

const RATE_HEADERS = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

describe("rates", () => {
  const rateOf = ({ headers }: { headers: Headers }) => RATE_HEADERS.map((name) => headers.get(name));
  const numbersOf = (answer: Answer) => rateOf(answer).map(Number) as [number, number, number];

  /** Sends bulk jobs, forty at once, until one is refused: on a slow machine forty may take four seconds, at ten each. */
  async function bulkJobsUntilRefused(options: SendOptions): Promise<Answer[]> {
    const answers: Answer[] = [];
    while (!answers.some(({ status }) => status === 429)) {
      const sent = Array.from({ length: 40 }, async () => await send(server, BULK_JOBS, bulkJob([]), options));
      answers.push(...(await Promise.all(sent)));
    }
    return answers;
  }

  it(requirement("tells the steady window on every answer: 3,500 a minute for events", "D", LIMITS), async () => {
    const { apiKey, writeKey } = await freshWorkspace(server);
    const authorization = `Klaviyo-API-Key ${apiKey}`;
    for (const [path, body, options] of [
      [EVENTS, nestedEvent(), { authorization }],
      [EVENTS, {}, { authorization }],
      [EVENTS, "{", { authorization, revision: null }],
      [EVENTS, nestedEvent(), { authorization: null }],
      [CLIENT_EVENTS, nestedEvent(), { companyId: writeKey }],
      [CLIENT_EVENTS, nestedEvent(), { companyId: "" }],
      ["/klaviyo/api/nothing", {}, {}],
    ] as const) {
      const [limit, remaining, reset] = numbersOf(await send(server, path, body, options));
      expect([path, limit]).toEqual([path, 3_500]);
      expect([remaining <= 3_500, remaining >= 3_490, reset >= 1, reset <= 60]).toEqual([true, true, true, true]);
    }
  });

  it(requirement("tells 150 a minute for bulk jobs and for a client's bulk", "D", LIMITS), async () => {
    const { apiKey, writeKey } = await freshWorkspace(server);
    const job = await send(server, BULK_JOBS, bulkJob([]), { authorization: `Klaviyo-API-Key ${apiKey}` });
    const client = await send(server, CLIENT_BULK, {}, { companyId: writeKey });
    expect([numbersOf(job)[0], numbersOf(client)[0]]).toEqual([150, 150]);
    expect([numbersOf(job)[1], numbersOf(client)[1]]).toEqual([149, 149]);
  });

  it(requirement("counts each request of a workspace once, refused ones too", "D", LIMITS), async () => {
    // A minute that ends in between begins to count anew: a second try sees the same.
    await expect
      .poll(
        async () => {
          const { apiKey } = await freshWorkspace(server);
          const authorization = `Klaviyo-API-Key ${apiKey}`;
          const bodies = [nestedEvent(), {}, "{", nestedEvent()];
          const remaining: number[] = [];
          for (const body of bodies) remaining.push(numbersOf(await send(server, EVENTS, body, { authorization }))[1]);
          return remaining;
        },
        { timeout: SOON_MS },
      )
      .toEqual([3_499, 3_498, 3_497, 3_496]);
  });

  it(requirement("shows the whole limit to a caller that it does not know", "A", OURS), async () => {
    expect(numbersOf(await send(server, EVENTS, nestedEvent(), { authorization: null }))[1]).toBe(3_500);
  });

  it(
    requirement("answers more than 10 bulk jobs a second with 429, Retry-After and no RateLimit headers", "D", LIMITS),
    async () => {
      const { apiKey } = await freshWorkspace(server);
      const authorization = `Klaviyo-API-Key ${apiKey}`;
      const started = Date.now();
      const answers = await bulkJobsUntilRefused({ authorization });
      const windows = Math.floor(Date.now() / 1_000) - Math.floor(started / 1_000) + 1;
      const takenCount = answers.filter(({ status }) => status === 202).length;
      const throttled = answers.filter(({ status }) => status === 429);
      expect([takenCount >= 10, takenCount <= 10 * windows]).toEqual([true, true]);
      expect([throttled.length > 0, takenCount + throttled.length]).toEqual([true, answers.length]);
      for (const answer of throttled) {
        expect(rateOf(answer)).toEqual([null, null, null]);
        expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
      }
    },
  );

  it(requirement("writes a throttled answer as it was seen in 2023 and in 2024", "W", SEEN), async () => {
    const { apiKey } = await freshWorkspace(server);
    const throttledAt = async (revision: string) => {
      const options = { authorization: `Klaviyo-API-Key ${apiKey}`, revision };
      const answer = (await bulkJobsUntilRefused(options)).find(({ status }) => status === 429);
      return JSON.parse(answer?.text ?? "{}") as unknown;
    };
    const error = {
      id: expect.stringMatching(UUID),
      status: 429,
      code: "throttled",
      title: "Request was throttled.",
      detail: expect.stringMatching(/^Request was throttled\. Expected available in (1 second|\d+ seconds)\.$/),
    };
    const link = "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits";
    expect(await throttledAt("2023-02-22")).toEqual({ errors: [{ ...error, source: { pointer: "/data/" } }] });
    expect(await throttledAt(NEWEST)).toEqual({
      errors: [{ ...error, source: { pointer: "/data" }, links: { type: link }, meta: {} }],
    });
  });

  it(requirement("counts each endpoint by itself", "A", OURS), async () => {
    const { apiKey, writeKey } = await freshWorkspace(server);
    const authorization = `Klaviyo-API-Key ${apiKey}`;
    await bulkJobsUntilRefused({ authorization });
    expect((await send(server, EVENTS, nestedEvent(), { authorization })).status).toBe(202);
    const item = bulkItem([{ metric: metricNamed(unique("metric")) }], profileOf({ email: anAddress() }));
    expect((await send(server, CLIENT_BULK, { data: item }, { companyId: writeKey })).status).toBe(202);
  });

  it(requirement("leaves Waypost's own API alone when it is full", "A", OURS), async () => {
    const { apiKey } = await freshWorkspace(server);
    const authorization = `Klaviyo-API-Key ${apiKey}`;
    await bulkJobsUntilRefused({ authorization });
    const headers = { "idempotency-key": unique("key") };
    const body = { event: unique("event"), profile: { email: anAddress() } };
    expect((await call(server, "/api/v1/events", { method: "POST", key: apiKey, headers, body })).status).toBe(202);
  });
});
