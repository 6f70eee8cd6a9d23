// Where a journey is written, its webhooks' addresses are checked: what must never be called is refused with its place.
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { appWith } from "../../../src/http/app.ts";
import { servicesOf } from "../../../src/services.ts";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { call, keyOf, type ApiAnswer } from "../../support/api.ts";
import { HOSTILE_ADDRESSES, LOOPBACK_ADDRESSES, PUBLIC_ADDRESSES } from "../../support/hostile-addresses.ts";
import { aWorkspace, type TestWorkspace } from "../../support/workspace.ts";

let workspace: TestWorkspace;

beforeAll(async () => {
  workspace = await aWorkspace();
  await write("POST", "https://crm.example.com/");
});

function aJourneyCalling(url: string): object {
  return aJourneyDocument({
    key: "calling",
    steps: [
      { id: "rest", type: "delay", for: "P1D" },
      { id: "tell", type: "webhook", url },
    ],
  });
}

async function write(method: "POST" | "PUT", url: string): Promise<ApiAnswer> {
  const path = method === "POST" ? "/api/v1/journeys" : "/api/v1/journeys/calling";
  return await call(keyOf(workspace.apiKey), { method, path, body: aJourneyCalling(url) });
}

/** Writes as to a deployment that was told nothing of its own machine. */
async function writeDeployed(method: "POST" | "PUT", url: string): Promise<{ status: number; body: unknown }> {
  const deployed = appWith((bindings) => ({ ...servicesOf(bindings), allowLoopbackWebhooks: false }));
  const path = method === "POST" ? "/api/v1/journeys" : "/api/v1/journeys/calling";
  const body = JSON.stringify(aJourneyCalling(url));
  const headers = { "content-type": "application/json", ...keyOf(workspace.apiKey) };
  const response = await deployed.request(path, { method, headers, body }, env);
  return { status: response.status, body: await response.json() };
}

const REFUSAL = {
  error: "invalid_journey",
  message: expect.any(String),
  details: { issues: [{ path: "steps.1.url", stepId: "tell", message: expect.any(String) }] },
};

describe("a journey with a webhook", () => {
  it.each(HOSTILE_ADDRESSES)("is refused, new or edited, when its address is %s", async (_what, url) => {
    for (const method of ["POST", "PUT"] as const) {
      const { status, body } = await write(method, url);
      expect([method, status, body]).toEqual([method, 422, REFUSAL]);
    }
  });

  it.each(LOOPBACK_ADDRESSES)("may call %s in development", async (url) => {
    expect((await write("PUT", url)).status).toBe(200);
  });

  it.each(LOOPBACK_ADDRESSES)("is refused by a deployment, new or edited, when its address is %s", async (url) => {
    for (const method of ["POST", "PUT"] as const) {
      expect([method, await writeDeployed(method, url)]).toEqual([method, { status: 422, body: REFUSAL }]);
    }
  });

  it.each(PUBLIC_ADDRESSES)("is taken by a deployment when its address is %s", async (url) => {
    expect((await writeDeployed("PUT", url)).status).toBe(200);
  });
});

describe("the deployment's calls", () => {
  it("go in by the public front door, to hosts of its own zone and account too", () => {
    expect(Cloudflare.compatibilityFlags["global_fetch_strictly_public"]).toBe(true);
  });
});
