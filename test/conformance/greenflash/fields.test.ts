// Every field of Greenflash's "Create event": required or not, at its edges, of the wrong type.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement, type Mark } from "../requirement.ts";
import { anEvent, create, kept, OURS, refused, REFERENCE } from "./calls.ts";

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => server.stop());

const A_UUID = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
const NO_STRING = [null, 7, true, ["x"], { x: 1 }];
const NO_TEXT_ID = [...NO_STRING, "x".repeat(256), "\uD800", "a\0b"];
const NO_UUID = [...NO_STRING, "", "abc", `${A_UUID}0`, `{${A_UUID}}`, A_UUID.replaceAll("-", "")];

interface FieldCase {
  field: string;
  is: string;
  mark?: Mark;
  taken: unknown[];
  refused: unknown[];
  /** The field's text in the answer. */
  message: RegExp;
}

const CASES: FieldCase[] = [
  {
    field: "eventType",
    is: "is required, of at least one character",
    taken: ["x", "feature_usage", "Über 東京"],
    refused: [undefined, "", ...NO_STRING],
    message: /eventType: (Is required|Must be a string|Must not be empty)\./,
  },
  {
    field: "productId",
    is: "is required and a UUID; any product's is taken",
    taken: [A_UUID, A_UUID.toUpperCase(), "00000000-0000-0000-0000-000000000000"],
    refused: [undefined, ...NO_UUID],
    message: /productId: (Is required|Must be a string|Must be a UUID)\./,
  },
  {
    field: "value",
    is: "is required and a string, the empty one too",
    taken: ["", "149.00", "not a number", "x".repeat(40_000)],
    refused: [undefined, ...NO_STRING, 149],
    message: /value: (Is required|Must be a string)\./,
  },
  {
    field: "externalUserId",
    is: "is optional and a string",
    taken: [undefined, "user-1", "x".repeat(255)],
    refused: NO_STRING,
    message: /externalUserId: Must be a string\./,
  },
  {
    field: "userId",
    is: "is optional and a UUID",
    taken: [undefined],
    refused: NO_UUID,
    message: /userId: (Must be a string|Must be a UUID)\./,
  },
  {
    field: "externalOrganizationId",
    is: "is optional and a string",
    taken: [undefined, "org-1", "x".repeat(255)],
    refused: NO_STRING,
    message: /externalOrganizationId: Must be a string\./,
  },
  {
    field: "organizationId",
    is: "is optional and a UUID",
    taken: [undefined, A_UUID],
    refused: NO_UUID,
    message: /organizationId: (Must be a string|Must be a UUID)\./,
  },
  {
    field: "externalConversationId",
    is: "is optional and a string",
    taken: [undefined, "thread-1", "x".repeat(255)],
    refused: NO_STRING,
    message: /externalConversationId: Must be a string\./,
  },
  {
    field: "conversationId",
    is: "is optional and a UUID",
    taken: [undefined, A_UUID],
    refused: NO_UUID,
    message: /conversationId: (Must be a string|Must be a UUID)\./,
  },
  {
    field: "influence",
    is: "is optional, and positive, negative or neutral",
    taken: [undefined, "positive", "negative", "neutral"],
    refused: ["", "Positive", "good", null, 1],
    message: /influence: Must be one of positive, negative, neutral\./,
  },
  {
    field: "qualityImpactScore",
    is: "is optional, and a number from -1 to 1",
    taken: [undefined, -1, -0.5, 0, 0.25, 1],
    refused: [-1.000_001, 1.000_001, 2, "0.5", null, true],
    message: /qualityImpactScore: Must be a number from -1 to 1\./,
  },
  {
    field: "valueType",
    is: "is optional, and currency, numeric, text or boolean",
    taken: [undefined, "currency", "numeric", "text", "boolean"],
    refused: ["", "count", "Text", null, 1],
    message: /valueType: Must be one of currency, numeric, text, boolean\./,
  },
  {
    field: "eventAt",
    is: "is optional, and an ISO 8601 date-time",
    taken: [undefined, "2023-11-07T05:31:56Z", "2024-02-29T23:59:59.123456Z", "2023-11-07T05:31:56.5+05:30"],
    refused: ["", "yesterday", "2023-11-07", "2023-11-07T05:31:56", "2023-02-29T00:00:00Z", 1_699_335_116, null],
    message: /eventAt: Must be (a string|an ISO 8601 date-time)/,
  },
  {
    field: "properties",
    is: "is optional and an object",
    taken: [undefined, {}, { source: "web_app", deep: { list: [1, null, { x: true }] } }],
    refused: [null, [], ["x"], "x", 1],
    message: /properties: Must be a JSON object\./,
  },
  {
    field: "insertId",
    is: "is optional and a string of any length",
    taken: [undefined, "insert-1", "x".repeat(5_000)],
    refused: NO_STRING,
    message: /insertId: Must be a string\./,
  },
  {
    field: "sampleRate",
    is: "is optional, and a number from 0 to 1",
    taken: [undefined, 1],
    refused: [-0.000_001, 1.000_001, "0.5", null, true],
    message: /sampleRate: Must be a number from 0 to 1\./,
  },
  {
    field: "forceSample",
    is: "is optional, and true or false",
    taken: [undefined, true, false],
    refused: ["true", 1, 0, null],
    message: /forceSample: Must be true or false\./,
  },
  {
    field: "eventType",
    is: "has at most 255 characters of well-formed Unicode",
    mark: "A",
    taken: ["x".repeat(255)],
    refused: ["x".repeat(256), "\uD800", "a\0b"],
    message: /eventType: Must (be at most 255 characters|be well-formed Unicode|not contain the character U\+0000)\./,
  },
  ...["externalUserId", "externalOrganizationId", "externalConversationId"].map((field): FieldCase => ({
    field,
    is: "has at most 255 characters of well-formed Unicode; an empty one is none",
    mark: "A",
    taken: ["x".repeat(255), "", "  "],
    refused: NO_TEXT_ID.filter((value) => typeof value === "string"),
    message: new RegExp(`${field}: Must be at most 255 characters of well-formed Unicode`),
  })),
  {
    field: "insertId",
    is: "is well-formed Unicode",
    mark: "A",
    taken: ["東京"],
    refused: ["\uD800"],
    message: /insertId: Must be well-formed Unicode\./,
  },
];

describe("fields", () => {
  for (const { field, is, mark = "D", taken, refused: wrong, message } of CASES) {
    it(requirement(`${field} ${is}`, mark, mark === "D" ? REFERENCE : OURS), async () => {
      for (const value of taken) {
        const answer = await create(server, anEvent({ [field]: value }));
        expect([value, answer.status, answer.text]).toEqual([value, 201, expect.stringContaining('"success":true')]);
      }
      for (const value of wrong) {
        const { status, body } = await refused(server, anEvent({ [field]: value }));
        expect([value, status, body]).toEqual([
          value,
          400,
          { success: false, error: "invalid_request", message: expect.stringMatching(message) },
        ]);
      }
    });
  }

  it(requirement("userId is taken in either letter case", "A", OURS), async () => {
    const first = await kept(server, anEvent({ externalUserId: "letters" }));
    const again = await kept(server, anEvent({ userId: first.profileId?.toUpperCase() }));
    expect(again.profileId).toBe(first.profileId);
  });

  it(requirement("tells every field that is wrong, and repeats no value", "A", OURS), async () => {
    const { status, body } = await refused(server, { value: "4111111111111111", influence: "4111", sampleRate: 4111 });
    expect([status, body]).toEqual([
      400,
      {
        success: false,
        error: "invalid_request",
        message:
          "eventType: Is required. productId: Is required. " +
          "influence: Must be one of positive, negative, neutral. sampleRate: Must be a number from 0 to 1.",
      },
    ]);
  });

  it(requirement("a field that is not documented is kept with the others", "A", OURS), async () => {
    const text = JSON.stringify(anEvent({ messageId: "m-1" })).replace(/\}$/, ',"__proto__":{"x":1}}');
    const event = await kept(server, text);
    expect(JSON.stringify(event.data)).toContain('"messageId":"m-1","__proto__":{"x":1}');
  });
});

describe("data", () => {
  const everything = anEvent({
    externalOrganizationId: "org-1",
    organizationId: A_UUID,
    externalConversationId: "thread-1",
    conversationId: A_UUID,
    influence: "negative",
    qualityImpactScore: 0.25,
    valueType: "currency",
    properties: { source: "web_app", influence: "mine" },
    sampleRate: 1,
    forceSample: false,
  });

  it(requirement("data is every field that has no place of its own, under its name", "A", OURS), async () => {
    const { eventType, ...data } = everything;
    const event = await kept(server, {
      ...everything,
      externalUserId: "user-1",
      userId: A_UUID,
      insertId: "insert-of-data",
      eventAt: "2023-11-07T05:31:56Z",
    });
    expect(event).toMatchObject({ event: eventType, source: "greenflash", occurredAt: "2023-11-07T05:31:56.000Z" });
    expect(event.data).toEqual(data);
  });

  it(requirement("influence is neutral and valueType text when they are left out", "D", REFERENCE), async () => {
    const { data } = await kept(server, anEvent());
    expect(data).toMatchObject({ influence: "neutral", valueType: "text" });
  });

  it(requirement("an omitted qualityImpactScore is derived from influence: 1, -1 and 0", "A", OURS), async () => {
    const derived = await Promise.all(
      ["positive", "negative", "neutral", undefined].map(async (influence) => {
        const { data } = await kept(server, anEvent({ influence }));
        return data["qualityImpactScore"];
      }),
    );
    expect(derived).toEqual([1, -1, 0, 0]);
  });

  it(requirement("a qualityImpactScore that is sent stands, whatever the influence", "D", REFERENCE), async () => {
    const { data } = await kept(server, anEvent({ influence: "positive", qualityImpactScore: 0 }));
    expect(data["qualityImpactScore"]).toBe(0);
  });

  it(requirement("an omitted eventAt is the instant of receipt", "D", REFERENCE), async () => {
    const event = await kept(server, anEvent());
    expect(event.occurredAt).toBe(event.receivedAt);
  });

  it(requirement("an eventAt with an offset is kept as the same instant in UTC", "D", REFERENCE), async () => {
    const event = await kept(server, anEvent({ eventAt: "2023-11-07T05:31:56.5+05:30" }));
    expect(event.occurredAt).toBe("2023-11-07T00:01:56.500Z");
  });

  it(requirement("value is kept as it was sent, whatever its valueType", "A", OURS), async () => {
    const { data } = await kept(server, anEvent({ value: "a few", valueType: "numeric" }));
    expect(data).toMatchObject({ value: "a few", valueType: "numeric" });
  });

  it(requirement("a number that a double cannot hold is kept as text", "A", OURS), async () => {
    const text = JSON.stringify(anEvent()).replace(/\}$/, ',"properties":{"id":12345678901234567890}}');
    expect((await kept(server, text)).data["properties"]).toEqual({ id: "12345678901234567890" });
  });
});
