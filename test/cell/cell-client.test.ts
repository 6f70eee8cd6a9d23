import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { callCell, CellUnavailable } from "../../src/cell/cell-client.ts";
import { appWith } from "../../src/http/app.ts";
import { servicesOf } from "../../src/services.ts";
import { aWorkspace } from "../support/workspace.ts";

/** A namespace whose n-th stub fails as the n-th fault says, and answers when there is none. */
function aNamespace(faults: { retryable?: boolean; overloaded?: boolean; message?: string }[]) {
  const stubs: object[] = [];
  const call = async (): Promise<unknown> => {
    const fault = faults[stubs.length - 1];
    if (fault !== undefined) throw Object.assign(new Error(fault.message ?? "the object was reset"), fault);
    return { kind: "unauthorized" };
  };
  const getByName = (): object => {
    const stub = { accept: call, authorize: call };
    stubs.push(stub);
    return stub;
  };
  return { stubs, WORKSPACE_CELL: { getByName } as unknown as Env["WORKSPACE_CELL"] };
}

const ask = async (namespace: ReturnType<typeof aNamespace>, repeatable = true): Promise<unknown> =>
  await callCell(namespace, "workspace", async (cell) => await cell.authorize({ kind: "operator" }), repeatable);

const PASSING = { retryable: true };

describe("a call of a cell", () => {
  it("is tried twice more after passing faults, each time on a fresh stub", async () => {
    const namespace = aNamespace([PASSING, PASSING]);
    await expect(ask(namespace)).resolves.toEqual({ kind: "unauthorized" });
    expect(new Set(namespace.stubs).size).toBe(3);
  });

  it("gives up after the third passing fault", async () => {
    const namespace = aNamespace([PASSING, PASSING, PASSING, PASSING]);
    await expect(ask(namespace)).rejects.toBeInstanceOf(CellUnavailable);
    expect(namespace.stubs).toHaveLength(3);
  });

  it("is tried again after what the platform calls an error of its own", async () => {
    const namespace = aNamespace([{ message: "internal error; reference = 0g3hvmriepfh" }]);
    await expect(ask(namespace)).resolves.toEqual({ kind: "unauthorized" });
    expect(namespace.stubs).toHaveLength(2);
  });

  it("is never tried again when the object is overloaded, even if it says that it could be", async () => {
    const namespace = aNamespace([{ retryable: true, overloaded: true }]);
    await expect(ask(namespace)).rejects.toBeInstanceOf(CellUnavailable);
    expect(namespace.stubs).toHaveLength(1);
  });

  it("is not tried again when doing it twice would not be the same", async () => {
    const namespace = aNamespace([PASSING]);
    await expect(ask(namespace, false)).rejects.toBeInstanceOf(CellUnavailable);
    expect(namespace.stubs).toHaveLength(1);
  });

  it("lets a bug through as it is", async () => {
    const namespace = aNamespace([{ message: "cannot read properties of undefined" }]);
    await expect(ask(namespace)).rejects.not.toBeInstanceOf(CellUnavailable);
    expect(namespace.stubs).toHaveLength(1);
  });
});

describe("an event for a cell", () => {
  it.each([
    ["that is overloaded", { overloaded: true }, "2", "busy"],
    // As workerd words it; the disk of the machine or the storage of the object.
    ["whose storage is full", { message: "database or disk is full: SQLITE_FULL" }, "60", "full"],
  ])("%s is answered 503 with Retry-After, and the cell is asked once", async (_what, fault, seconds, why) => {
    const workspace = await aWorkspace();
    const { WORKSPACE_CELL, stubs } = aNamespace([fault, fault]);
    const response = await appWith(servicesOf).request(
      "/api/v1/events",
      {
        method: "POST",
        headers: { "x-api-key": workspace.apiKey, "idempotency-key": "k" },
        body: JSON.stringify({ event: "order.created", profile: { email: "ada@example.com" } }),
      },
      { ...env, WORKSPACE_CELL },
    );
    expect(response.status).toBe(503);
    expect(stubs).toHaveLength(1);
    expect(response.headers.get("retry-after")).toBe(seconds);
    expect(await response.json()).toMatchObject({ error: "unavailable", message: expect.stringContaining(why) });
  });
});
