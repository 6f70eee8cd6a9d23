// Klaviyo's errors, field by field: every case with its code, title, detail and source.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { freshKey } from "../fresh-workspace.ts";
import { requirement, type Mark } from "../requirement.ts";
import {
  BULK_JOBS,
  bulkItem,
  bulkJob,
  CLIENT_BULK,
  EVENTS,
  FLAT,
  flatEvent,
  metricNamed,
  nestedEvent,
  NEWEST,
  OURS,
  profileOf,
  refused,
  SEEN,
  UUID,
  type Refused,
  type SendOptions,
} from "./calls.ts";

const INVALID = { status: 400, code: "invalid", title: "Invalid input." };

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

interface Case {
  text: string;
  mark: Mark;
  body: unknown;
  path?: string;
  options?: () => SendOptions;
  status: number;
  /** The only error, less its id and what every error of its revision has. */
  error: Record<string, unknown>;
  /** Told before the body was read: with neither links nor meta, as at the earliest revisions. */
  early?: boolean;
}

const without = (name: string) => nestedEvent({ [name]: undefined });
const invalid = (detail: string, pointer: string) => ({ ...INVALID, detail, source: { pointer } });

const CASES: Case[] = [
  {
    text: "answers a body that is no resource as invalid at /data",
    mark: "W",
    body: { data: "event" },
    status: 400,
    error: invalid("The payload provided in the request is invalid.", "/data"),
  },
  {
    text: "answers a body without data as invalid at /data",
    mark: "W",
    body: {},
    status: 400,
    error: invalid("The payload provided in the request is invalid.", "/data"),
  },
  {
    text: "answers a resource without a type with the field that is required",
    mark: "W",
    body: { data: { attributes: nestedEvent().data.attributes } },
    status: 400,
    error: invalid("'type' is a required field for the resource 'event'.", "/data/type"),
  },
  {
    text: "answers a resource of another type at its type",
    mark: "A",
    body: { data: { type: "profile", attributes: nestedEvent().data.attributes } },
    status: 400,
    error: invalid("The type of this resource must be 'event'.", "/data/type"),
  },
  ...["metric", "profile", "properties"].map<Case>((name) => ({
    text: `answers an event without ${name} with the field that is required`,
    mark: "W",
    body: without(name),
    status: 400,
    error: invalid(`'${name}' is a required field for the resource 'event'.`, `/data/attributes/${name}`),
  })),
  {
    text: "answers a metric without a name with the field that is required",
    mark: "W",
    body: nestedEvent({ metric: { data: { type: "metric", attributes: {} } } }),
    status: 400,
    error: invalid(
      "'name' is a required field for the resource 'metric'.",
      "/data/attributes/metric/data/attributes/name",
    ),
  },
  {
    text: "answers a field that the event does not have with its name",
    mark: "W",
    body: nestedEvent({ Value: 1 }),
    status: 400,
    error: invalid("'Value' is not a valid field for the resource 'event'.", "/data/attributes/Value"),
  },
  {
    text: "answers a field that the profile does not have with its name",
    mark: "W",
    body: nestedEvent({ profile: profileOf({ email: "a@example.com", $first_name: "Matt" }) }),
    status: 400,
    error: invalid(
      "'$first_name' is not a valid field for the resource 'profile'.",
      "/data/attributes/profile/data/attributes/$first_name",
    ),
  },
  {
    text: "answers a field with an unusual name without repeating it",
    mark: "A",
    body: nestedEvent({ "4111 1111 1111 1111": true }),
    status: 400,
    error: invalid("There is a field that is not a valid field for the resource 'event'.", "/data/attributes"),
  },
  {
    text: "answers a resource with neither attributes, relationships nor id",
    mark: "W",
    body: { data: { type: "event" } },
    status: 400,
    error: invalid("One of `attributes`, `relationships` or `id` must be included in the request payload.", "/data"),
  },
  ...[
    { name: "value", value: "much", detail: "The value must be a number." },
    { name: "value_currency", value: "dollars", detail: "The currency must be the three letters of ISO 4217." },
    { name: "unique_id", value: {}, detail: "The unique id must be a string." },
    { name: "backfill", value: "yes", detail: "Backfill must be true or false." },
    { name: "time", value: "never", detail: "The time must be an ISO 8601 date-time." },
    { name: "properties", value: [], detail: "The payload provided in the request is invalid." },
  ].map<Case>(({ name, value, detail }) => ({
    text: `answers a ${name} of the wrong kind at its place`,
    mark: "A",
    body: nestedEvent({ [name]: value }),
    status: 400,
    error: invalid(detail, `/data/attributes/${name}`),
  })),
  ...["{", "", "[]", "7"].map<Case>((body) => ({
    text: `answers ${body === "" ? "an empty body" : `the body ${body}`} as malformed`,
    mark: "A",
    body,
    early: true,
    status: 400,
    error: {
      status: 400,
      code: "parse_error",
      title: "Malformed request.",
      detail: expect.any(String),
      source: { pointer: "/data" },
    },
  })),
  {
    text: "answers an unknown content-encoding",
    mark: "A",
    body: nestedEvent(),
    options: () => ({ headers: { "content-encoding": "zstd" } }),
    early: true,
    status: 400,
    error: { ...INVALID, detail: expect.any(String), source: { parameter: "content-encoding" } },
  },
  {
    text: "answers a missing revision",
    mark: "A",
    body: nestedEvent(),
    options: () => ({ revision: null }),
    early: true,
    status: 400,
    error: {
      ...INVALID,
      detail: "The revision header is required: send it as YYYY-MM-DD.",
      source: { parameter: "revision" },
    },
  },
  ...["2023", "yesterday", "2023-13-45", "2023-02-30"].map<Case>((revision) => ({
    text: `answers the malformed revision ${revision} with 400`,
    mark: "W",
    body: nestedEvent(),
    options: () => ({ revision }),
    early: true,
    status: 400,
    error: { ...INVALID, detail: expect.any(String), source: { parameter: "revision" } },
  })),
  {
    text: "answers a revision in the future with 404",
    mark: "W",
    body: nestedEvent(),
    options: () => ({ revision: "2999-01-01" }),
    early: true,
    status: 404,
    error: {
      status: 404,
      code: "not_found",
      title: "Not found.",
      detail: "Unable to specify a future revision date",
      source: { pointer: "/data" },
    },
  },
  {
    text: "answers a revision before the first with 404",
    mark: "W",
    body: flatEvent(),
    options: () => ({ revision: "2022-10-16" }),
    early: true,
    status: 404,
    error: {
      status: 404,
      code: "not_found",
      title: "Not found.",
      detail: "The revision is before the earliest available, use a date after 2022-10-17",
      source: { pointer: "/data" },
    },
  },
  {
    text: "answers an endpoint that a revision does not have with 404",
    mark: "W",
    path: CLIENT_BULK,
    body: { data: bulkItem([]) },
    options: () => ({ revision: FLAT }),
    early: true,
    status: 404,
    error: {
      status: 404,
      code: "not_found",
      title: "Not found.",
      detail: "No valid revisions found for method",
      source: { pointer: "/data" },
    },
  },
  {
    text: "answers a path that is not there with 404",
    mark: "A",
    path: "/klaviyo/api/nothing",
    body: {},
    early: true,
    status: 404,
    error: {
      status: 404,
      code: "not_found",
      title: "Not found.",
      detail: "There is nothing by that name here.",
      source: { pointer: "/data" },
    },
  },
  {
    text: "answers more than 5 MB with 413",
    mark: "A",
    body: " ".repeat(5 * 1024 * 1024 + 1),
    early: true,
    status: 413,
    error: {
      status: 413,
      code: "payload_too_large",
      title: "Payload too large.",
      detail: "The payload must not be larger than 5 MB (5242880 bytes) once it is decompressed.",
      source: { pointer: "/data" },
    },
  },
];

describe("errors", () => {
  for (const { text, mark, path = EVENTS, body, options, status, error, early } of CASES) {
    it(requirement(text, mark, mark === "A" ? OURS : SEEN), async () => {
      const said = options?.() ?? {};
      const answer = await refused(server, path, body, said);
      const carried = early === true ? {} : { links: {}, meta: {} };
      expect(answer.errors).toEqual([{ id: expect.stringMatching(UUID), ...error, ...carried }]);
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toBe("application/vnd.api+json");
    });
  }

  it(requirement("tells every error of a request, and each has an id of its own", "A", OURS), async () => {
    const { errors } = await refused(server, EVENTS, { data: { type: "event", attributes: { time: "never" } } });
    expect(errors.map(({ source }) => source.pointer)).toEqual([
      "/data/attributes/profile",
      "/data/attributes/metric",
      "/data/attributes/properties",
      "/data/attributes/time",
    ]);
    expect(new Set(errors.map(({ id }) => id)).size).toBe(4);
  });

  it(requirement("tells at most fifty errors of a request", "A", OURS), async () => {
    const items = Array.from({ length: 200 }, () => ({ type: "event-bulk-create" }));
    expect((await refused(server, BULK_JOBS, bulkJob(items))).errors).toHaveLength(50);
  });

  it(
    requirement("writes errors without meta and links before late 2023, and without links before 2024", "W", SEEN),
    async () => {
      const members = async (revision: string, body: unknown) =>
        Object.keys((await refused(server, EVENTS, body, { revision })).errors[0] ?? {});
      const always = ["id", "status", "code", "title", "detail", "source"];
      expect(await members("2023-02-22", {})).toEqual(always);
      expect(await members("2023-09-15", {})).toEqual(always);
      expect(await members("2023-10-15", {})).toEqual([...always, "meta"]);
      expect(await members("2024-02-15", {})).toEqual([...always, "links", "meta"]);
      expect(await members(NEWEST, {})).toEqual([...always, "links", "meta"]);
    },
  );

  it(requirement("repeats no value that was sent", "A", OURS), async () => {
    const secret = "4111111111111111";
    const profile = profileOf({ email: secret, phone_number: secret, properties: [secret] });
    const fields = { time: secret, value_currency: secret, backfill: secret, metric: metricNamed(secret.repeat(20)) };
    const { errors } = await refused(server, EVENTS, nestedEvent({ ...fields, profile }));
    expect(errors.length).toBeGreaterThan(4);
    expect(JSON.stringify(errors)).not.toContain(secret);
  });
});

describe("credentials", () => {
  const noKey = {
    id: expect.stringMatching(UUID),
    status: 401,
    code: "not_authenticated",
    title: "Authentication credentials were not provided.",
    detail: "Missing or invalid private key.",
    source: { pointer: "/data/" },
  };

  it(requirement("answers a missing or wrong private key with 401 not_authenticated", "W", SEEN), async () => {
    const wrong = [
      "Klaviyo-API-Key pk_1234567890abcdef1234567890abcdef12",
      `Basic ${server.dev.apiKey}`,
      "Klaviyo-API-Key",
    ];
    for (const authorization of [null, ...wrong, `Klaviyo-API-Key ${server.dev.writeKey}`]) {
      const answer = await refused(server, EVENTS, nestedEvent(), { authorization });
      expect([answer.status, answer.errors]).toEqual([401, [noKey]]);
      expect(answer.headers.get("content-type")).toBe("application/vnd.api+json");
    }
  });

  it(requirement("answers a wrong token of OAuth with 401 authentication_failed", "W", SEEN), async () => {
    const title = "Incorrect authentication credentials.";
    const { status, errors } = await refused(server, EVENTS, nestedEvent(), { authorization: "Bearer wrong" });
    expect([status, errors]).toEqual([401, [{ ...noKey, code: "authentication_failed", title, detail: title }]]);
  });

  it(requirement("answers a key without the scope with 403 permission_denied", "W", SEEN), async () => {
    const key = await freshKey(server, server.dev.workspaceId, { kind: "secret", scopes: ["events:read"] });
    const authorization = `Klaviyo-API-Key ${key}`;
    const { status, errors } = await refused(server, EVENTS, nestedEvent(), { authorization });
    const error = {
      ...noKey,
      status: 403,
      code: "permission_denied",
      title: "You do not have permission to perform this action.",
      detail: "Your API key is missing required scopes: events:write",
    };
    expect([status, errors]).toEqual([403, [error]]);
  });

  it(requirement("answers another method with 405 and with neither links nor meta", "A", OURS), async () => {
    const method = { method: "PUT", headers: { revision: NEWEST }, body: {}, key: "" };
    const { status, text } = await call(server, CLIENT_BULK, method);
    const { errors } = JSON.parse(text) as Pick<Refused, "errors">;
    const error = { code: "method_not_allowed", title: "Method not allowed.", detail: expect.any(String) };
    const about = { ...error, id: expect.stringMatching(UUID), status: 405, source: { pointer: "/data" } };
    expect([status, errors]).toEqual([405, [about]]);
  });

  it(requirement("looks at the key before the revision and the body", "A", OURS), async () => {
    expect((await refused(server, EVENTS, "{", { authorization: null, revision: null })).status).toBe(401);
  });
});
