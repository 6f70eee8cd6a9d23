// What attackers and broken clients put into a body, sent to the real server: never a 5xx, never an echo, never half
// a write; and what is odd and allowed is kept exactly.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, track } from "../support/dev-client.ts";
import { SOON_MS } from "../support/patience.ts";
import { bodyOfSize, bodyWith, KEPT_DATA, OVERSIZE_BYTES, REFUSED_BODIES } from "./hostile-bodies.ts";
import { ECHO, HostileServer } from "./hostile-server.ts";

let hostile: HostileServer;
beforeAll(async () => {
  hostile = await HostileServer.start();
});
afterAll(async () => hostile.server.kill9());

/** The JSON text of a stored event's data, as it is answered. */
async function dataTextOf(eventId: string): Promise<string> {
  const { text } = await call(hostile.server, `/api/v1/events/${eventId}`);
  return text.slice(text.indexOf('"data":') + '"data":'.length, text.lastIndexOf(',"referenceId":'));
}

describe("a body that is refused", () => {
  it.each(REFUSED_BODIES)("$what is a 400 that repeats nothing", async ({ body }) => {
    const key = hostile.newKey();
    expect(hostile.refusal(await track(hostile.server, key, body), key)).toBe("400 invalid_request");
  });

  it("says where each of several mistakes is", async () => {
    const key = hostile.newKey();
    const answer = await track(hostile.server, key, { event: 1, profile: { email: ECHO }, data: [ECHO] });
    expect(hostile.refusal(answer, key)).toBe("400 invalid_request");
    const { issues } = (JSON.parse(answer.text) as { details: { issues: { path: string }[] } }).details;
    expect(issues.map(({ path }) => path)).toEqual(["event", "profile.email", "data"]);
  });

  it("of 256 KiB and a byte is a 413, one of 256 KiB is accepted", async () => {
    const key = hostile.newKey();
    const answer = await track(hostile.server, key, bodyOfSize(OVERSIZE_BYTES));
    expect(hostile.refusal(answer, key)).toBe("413 payload_too_large");
    await hostile.sendAccepted(bodyOfSize(OVERSIZE_BYTES - 1, "edge"));
  });
});

describe("data that is odd and allowed", () => {
  it.each(KEPT_DATA)("with $what is read back as it was sent", async ({ sent, kept = sent }) => {
    const { eventId } = await hostile.sendAccepted(bodyWith(sent, "odd"));
    expect(await dataTextOf(eventId)).toBe(kept);
  });

  it("is listed as it was sent, out of the read model too", async () => {
    const { eventId, profileId } = await hostile.sendAccepted(bodyWith('{"v":"\\ud800\\u0000"}', "odd-and-listed"));
    const path = `/api/v1/events?profileId=${profileId}`;
    await expect.poll(async () => (await call(hostile.server, path)).text, { timeout: SOON_MS }).toContain(eventId);
    expect((await call(hostile.server, path)).text).toContain('"data":{"v":"\\ud800\\u0000"}');
    expect(await dataTextOf(eventId)).toBe('{"v":"\\ud800\\u0000"}');
  });

  it("is the last of two fields of one name", async () => {
    const body = `{"event":"first","event":"last","profile":{"externalId":"x"},"profile":{"externalId":"twice"}}`;
    const { eventId, profileId } = await hostile.sendAccepted(body);
    expect((await call(hostile.server, `/api/v1/events/${eventId}`)).text).toContain('"event":"last"');
    expect((await call(hostile.server, `/api/v1/profiles/${profileId}`)).text).toContain('"externalId":"twice"');
  });
});

describe("properties named like an object's own parts", () => {
  const properties = '{"__proto__":{"polluted":true},"constructor":"c","prototype":[1],"toString":null}';

  it("are kept, and pollute nothing", async () => {
    const body = `{"event":"hostile","profile":{"externalId":"proto","properties":${properties}}}`;
    const { profileId } = await hostile.sendAccepted(body);
    const { text } = await call(hostile.server, `/api/v1/profiles/${profileId}`);
    const kept = (JSON.parse(text) as { properties: object }).properties;
    // Null removes a property; there was none of that name.
    expect(Object.entries(kept)).toEqual([
      ["__proto__", { polluted: true }],
      ["constructor", "c"],
      ["prototype", [1]],
    ]);
    const { eventId } = await hostile.sendAccepted(bodyWith("{}", "clean"));
    expect(await dataTextOf(eventId)).toBe("{}");
    for (const path of ["/api/v1/nothing", "/healthz"]) {
      expect((await call(hostile.server, path, { key: "" })).text).not.toContain("polluted");
    }
  });
});

describe("afterwards", () => {
  it("nothing was half-written, and no key of a refused request is used up", async () => {
    expect(await hostile.leftovers()).toEqual({ usedUpKeys: [], missing: [], unexpected: [], people: [] });
  });

  it("the server has nothing to say, and still serves", async () => {
    await hostile.sendAccepted({ event: "order.created", profile: { email: "ada@example.com" } });
    expect(hostile.server.stderr()).toBe("");
    expect((await call(hostile.server, "/healthz")).text).toBe('{"status":"ok"}');
  });
});
