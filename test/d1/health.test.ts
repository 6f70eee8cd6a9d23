import { env } from "cloudflare:workers";
import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { ping, readModelHealth } from "../../src/d1/health.ts";
import { NOW_MS, aUserEventRow, aWorkspace, given } from "./builders.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("readModelHealth", () => {
  it("tells the size in bytes and the number of migrations applied", async () => {
    const health = await readModelHealth(env.DB, []);
    expect(health.bytes).toBeGreaterThan(4096);
    expect(health.schemaVersion).toBe(inject("d1Migrations").length);
  });

  it("finds the oldest event of the workspaces asked about, and of no other", async () => {
    const [first, second, other] = [aWorkspace(), aWorkspace(), aWorkspace()];
    const [oldest] = await given(second, "user_events", [aUserEventRow({ atMs: NOW_MS })]);
    await given(first, "user_events", [aUserEventRow({ atMs: NOW_MS + 1 })]);
    await given(other, "user_events", [aUserEventRow({ atMs: NOW_MS - 1 })]);
    expect((await readModelHealth(env.DB, [first, second, aWorkspace()])).oldestEventId).toBe(oldest!.event_id);
  });

  it("has no oldest event where there is no event", async () => {
    expect((await readModelHealth(env.DB, [aWorkspace()])).oldestEventId).toBeNull();
    expect((await readModelHealth(env.DB, [])).oldestEventId).toBeNull();
  });
});

describe("ping", () => {
  it("is true when D1 answers", async () => {
    expect(await ping(env.DB)).toBe(true);
  });

  it("is false when D1 is away", async () => {
    vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: Network connection lost.");
    });
    expect(await ping(env.DB)).toBe(false);
  });
});
