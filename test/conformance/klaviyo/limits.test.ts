// What Klaviyo lets an event hold: each limit at its edge and one past it, on a real server.
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { activateJourney } from "../../support/dev-client.ts";
import { newStateDir, startDevServer, type DevServer } from "../../support/dev-server.ts";
import { requirement } from "../requirement.ts";
import {
  aJourneyOn,
  BULK_JOBS,
  bulkItem,
  bulkJob,
  EVENTS,
  eventsOf,
  FLAT,
  flatEvent,
  kept,
  metricNamed,
  nestedEvent,
  NEWEST,
  OPENAPI,
  OURS,
  REFERENCE,
  refused,
  send,
  taken,
  told,
  unique,
} from "./calls.ts";

const PROPERTIES = "/data/attributes/properties";
const MAX_BODY_BYTES = 5 * 1024 * 1024;
const MAX_STRING_BYTES = 100 * 1024;

let server: DevServer;
beforeAll(async () => {
  server = await startDevServer({ stateDir: newStateDir() });
});
afterAll(async () => {
  await server.stop();
});

const withProperties = (properties: object) => nestedEvent({ properties });
const propertiesOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, i]));
const nestedIn = (levels: number): unknown =>
  levels === 0 ? "end" : levels % 2 === 0 ? [nestedIn(levels - 1)] : { a: nestedIn(levels - 1) };

/** JSON text of an event that is exactly this long, of strings within their own limit. */
function eventOfBytes(bytes: number, metric = unique("metric")): string {
  const strings = (total: number): string[] => {
    const whole = Math.floor(total / MAX_STRING_BYTES);
    return [
      ...Array.from({ length: whole }, () => "x".repeat(MAX_STRING_BYTES)),
      "x".repeat(total - whole * MAX_STRING_BYTES),
    ];
  };
  const textOf = (total: number): string =>
    JSON.stringify(nestedEvent({ metric: metricNamed(metric), properties: { strings: strings(total) }, profile }));
  const profile = { data: { type: "profile", attributes: { email: "large@example.com" } } };
  // A different number of strings changes the length by their quotes and commas: the second step is exact.
  let total = bytes - textOf(0).length;
  for (let tries = 0; tries < 5 && textOf(total).length !== bytes; tries++) total -= textOf(total).length - bytes;
  const text = textOf(total);
  expect(text).toHaveLength(bytes);
  return text;
}

describe("limits", () => {
  it(requirement("takes 300 properties and refuses 301 before revision 2025-07-15", "D", REFERENCE), async () => {
    for (const [revision, event] of [
      [FLAT, flatEvent],
      ["2025-04-15", nestedEvent],
    ] as const) {
      await taken(server, EVENTS, event({ properties: propertiesOf(300) }), { revision });
      const answer = await refused(server, EVENTS, event({ properties: propertiesOf(301) }), { revision });
      expect(told(answer)).toEqual([400, PROPERTIES]);
    }
  });

  it(requirement("takes 400 properties and refuses 401 from revision 2025-07-15", "D", OPENAPI), async () => {
    for (const revision of ["2025-07-15", NEWEST]) {
      await taken(server, EVENTS, withProperties(propertiesOf(400)), { revision });
      const answer = await refused(server, EVENTS, withProperties(propertiesOf(401)), { revision });
      expect(told(answer)).toEqual([400, PROPERTIES]);
    }
  });

  it(
    requirement("takes a string of 100 KB (102,400 bytes) and refuses a longer one, at any depth", "D", REFERENCE),
    async () => {
      for (const nest of [
        (text: string) => ({ text }),
        (text: string) => ({ a: [{ text }] }),
        (text: string) => ({ [text]: 1 }),
      ]) {
        await taken(server, EVENTS, withProperties(nest("x".repeat(MAX_STRING_BYTES))));
        const answer = await refused(server, EVENTS, withProperties(nest("x".repeat(MAX_STRING_BYTES + 1))));
        expect(told(answer)).toEqual([400, PROPERTIES]);
      }
    },
  );

  it(requirement("counts a string's bytes, not its characters", "A", OURS), async () => {
    await taken(server, EVENTS, withProperties({ text: "é".repeat(MAX_STRING_BYTES / 2) }));
    const answer = await refused(server, EVENTS, withProperties({ text: "é".repeat(MAX_STRING_BYTES / 2 + 1) }));
    expect(told(answer)).toEqual([400, PROPERTIES]);
  });

  it(requirement("bounds the strings of a profile and a unique_id alike", "D", OPENAPI), async () => {
    const long = "x".repeat(MAX_STRING_BYTES + 1);
    await taken(server, EVENTS, nestedEvent({ unique_id: "x".repeat(MAX_STRING_BYTES) }));
    expect(told(await refused(server, EVENTS, nestedEvent({ unique_id: long })))).toEqual([
      400,
      "/data/attributes/unique_id",
    ]);
    const profile = (text: string) => ({ $email: "bound@example.com", text });
    await taken(server, EVENTS, flatEvent({ profile: profile("x".repeat(MAX_STRING_BYTES)) }), { revision: FLAT });
    const answer = await refused(server, EVENTS, flatEvent({ profile: profile(long) }), { revision: FLAT });
    expect(told(answer)).toEqual([400, "/data/attributes/profile"]);
  });

  it(requirement("takes an array of 4,000 elements and refuses one of 4,001", "D", REFERENCE), async () => {
    const list = (count: number) => ({ deep: { list: Array.from({ length: count }, () => 0) } });
    await taken(server, EVENTS, withProperties(list(4_000)));
    expect(told(await refused(server, EVENTS, withProperties(list(4_001))))).toEqual([400, PROPERTIES]);
  });

  it(requirement("takes 10 nested levels below the properties and refuses 11", "D", REFERENCE), async () => {
    await taken(server, EVENTS, withProperties({ deep: nestedIn(10) }));
    expect(told(await refused(server, EVENTS, withProperties({ deep: nestedIn(11) })))).toEqual([400, PROPERTIES]);
  });

  it(requirement("takes a metric's name of 127 characters and refuses one of 128", "D", REFERENCE), async () => {
    const start = unique("metric ");
    for (const character of ["x", "😀"]) {
      const name = start + character.repeat(127 - start.length);
      expect((await kept(server, nestedEvent({ metric: metricNamed(name) }))).event).toBe(name);
      const answer = await refused(server, EVENTS, nestedEvent({ metric: metricNamed(`${name}${character}`) }));
      expect(told(answer)).toEqual([400, "/data/attributes/metric/data/attributes/name"]);
    }
    const flat = await refused(server, EVENTS, flatEvent({ metric: { name: "x".repeat(128) } }), { revision: FLAT });
    expect(told(flat)).toEqual([400, "/data/attributes/metric/name"]);
  });

  it(requirement("refuses a metric without a name, of spaces, or that is no well-formed text", "A", OURS), async () => {
    for (const name of ["", "  ", "a\uD800", "a\u0000", 7]) {
      const answer = await refused(server, EVENTS, nestedEvent({ metric: metricNamed(name as string) }));
      expect(told(answer)).toEqual([400, "/data/attributes/metric/data/attributes/name"]);
    }
  });

  it(
    requirement("takes a body of 5 MB (5,242,880 bytes) and refuses a larger one with 413", "D", REFERENCE),
    async () => {
      await taken(server, EVENTS, eventOfBytes(MAX_BODY_BYTES));
      const answer = await refused(server, EVENTS, eventOfBytes(MAX_BODY_BYTES + 1));
      expect(told(answer)).toEqual([413, "/data"]);
    },
  );

  it(requirement("measures a compressed body once it is inflated", "D", OPENAPI), async () => {
    const headers = { "content-encoding": "gzip" };
    const zipped = (bytes: number) => new Uint8Array(gzipSync(eventOfBytes(bytes)));
    await taken(server, EVENTS, zipped(MAX_BODY_BYTES), { headers });
    const answer = await refused(server, EVENTS, zipped(MAX_BODY_BYTES + 1), { headers });
    expect(told(answer)).toEqual([413, "/data"]);
  });

  it(requirement("bounds a bulk job's body and its events alike", "D", OPENAPI), async () => {
    const metric = metricNamed(unique("metric"));
    const item = (properties: object) => bulkJob([bulkItem([{ metric, properties }])]);
    const answer = await refused(server, BULK_JOBS, item(propertiesOf(401)));
    const at = "/data/attributes/events-bulk-create/data/0/attributes/events/data/0/attributes/properties";
    expect(told(answer)).toEqual([400, at]);
    const large = JSON.stringify(item({ text: "x" })).padEnd(MAX_BODY_BYTES + 1);
    expect((await send(server, BULK_JOBS, large)).status).toBe(413);
  });

  it(requirement("refuses a body of thousands of levels", "A", OURS), async () => {
    const text = `{"data":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    expect((await refused(server, EVENTS, text)).status).toBe(400);
  });
});

describe("large events", () => {
  it(requirement("keeps an event of 4.9 MB whole, and starts a journey by it", "A", OURS), async () => {
    const metric = unique("metric");
    await activateJourney(server, aJourneyOn("large", metric));
    const text = eventOfBytes(4_900_000, metric);
    await taken(server, EVENTS, text);
    const [event] = await eventsOf(server, metric);
    const sent = (JSON.parse(text) as { data: { attributes: { properties: object } } }).data.attributes.properties;
    expect(JSON.stringify(event?.data) === JSON.stringify(sent)).toBe(true);
    expect(event?.receipt.journeys.map(({ outcome }) => outcome)).toEqual(["enrolled"]);
  });

  it(requirement("keeps a number that a double cannot hold as text instead of rounding it", "A", OURS), async () => {
    const metric = unique("metric");
    const text = JSON.stringify(nestedEvent({ metric: metricNamed(metric), properties: { n: 0 }, value: 1 }));
    await taken(
      server,
      EVENTS,
      text.replace('"n":0', '"n":12345678901234567890').replace('"value":1', '"value":1e400'),
    );
    expect((await eventsOf(server, metric))[0]?.data).toEqual({ n: "12345678901234567890", value: "1e400" });
  });
});
