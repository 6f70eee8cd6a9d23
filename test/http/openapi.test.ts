import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { version } from "../../package.json";
import { appWith } from "../../src/http/app.ts";
import { isVendorPath } from "../../src/http/compat/index.ts";
import { STATUS_OF } from "../../src/http/errors.ts";
import { isPagePath } from "../../src/http/pages/index.ts";
import { operationOf } from "../../src/http/operation.ts";
import { SCOPES } from "../../src/domain/scopes.ts";
import { servicesOf } from "../../src/services.ts";
import { get, NOBODY } from "../support/api.ts";

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
}

interface DescribedOperation {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  security: Record<string, string[]>[];
  parameters: Parameter[];
  requestBody?: { required: boolean; content: Record<string, { schema: object; example: unknown }> };
  responses: Record<string, { description: string; headers: object; content?: Record<string, { schema: object }> }>;
}

interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { schemas: Record<string, object>; securitySchemes: object };
}

const document = (await get(NOBODY, "/openapi.json")).body as Document;
const routes = appWith(servicesOf).routes.filter(
  ({ method, path }) => method !== "ALL" && !isVendorPath(path) && !isPagePath(path),
);

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, operation })),
);

const templated = (path: string): string => path.replaceAll(/:([^/]+)/g, "{$1}");

/** Every value under a key, anywhere in a document. */
function under(key: string, value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => [...(name === key ? [child] : []), ...under(key, child)]);
}

/** Whether an operation's credential stands in its body, where no scheme can describe it. */
function asksForWriteKey({ requestBody }: DescribedOperation): boolean {
  const schema: { required?: string[] } | undefined = requestBody?.content["application/json"]?.schema;
  return schema?.required?.includes("writeKey") === true;
}

function resolve(reference: string): unknown {
  return reference
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
}

describe("/openapi.json", () => {
  it("is OpenAPI 3.1 of this version", () => {
    expect([document.openapi, document.info]).toEqual([
      "3.1.0",
      expect.objectContaining({ title: "Waypost", version }),
    ]);
  });

  it("describes every route, and no other", () => {
    const existing = new Set(routes.map(({ method, path }) => `${method} ${templated(path)}`));
    expect(operations.map(({ name }) => name).toSorted()).toEqual([...existing].toSorted());
  });

  it("names every operation once", () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
    expect(ids.filter((id) => !/^[a-z][A-Za-z]+$/.test(id))).toEqual([]);
  });

  it("refers to nothing that it does not hold", () => {
    const references = under("$ref", document) as string[];
    expect(references.length).toBeGreaterThan(100);
    expect(references.filter((reference) => resolve(reference) === undefined)).toEqual([]);
  });

  it("has no shape that nothing refers to, and no dialect's leftovers", () => {
    const used = new Set(under("$ref", document));
    const names = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    // A 405 belongs to no operation: it is what a path answers to every other method.
    expect(names.filter((name) => !used.has(name))).toEqual(["#/components/schemas/MethodNotAllowedError"]);
    expect([...under("$defs", document), ...under("$schema", document)]).toEqual([]);
  });

  it("has the envelope of every error", () => {
    const codes = Object.values(document.components.schemas).flatMap((schema) => {
      const { properties } = schema as { properties?: { error?: { const?: string } } };
      return properties?.error?.const ?? [];
    });
    // Rates are vendors' alone: no path of this description has one.
    expect([...codes, "rate_limited"].toSorted()).toEqual(Object.keys(STATUS_OF).toSorted());
  });

  it.each(operations)("$name has its path's parameters and answers with a request id", ({ path, operation }) => {
    const inPath = operation.parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
    expect(inPath).toEqual([...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name));
    const names = operation.parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const [status, response] of Object.entries(operation.responses)) {
      expect([status, Object.keys(response.headers)]).toEqual([status, expect.arrayContaining(["x-request-id"])]);
    }
    expect(Object.keys(operation.responses).some((status) => status.startsWith("2"))).toBe(true);
    expect([operation.summary.length > 0, operation.tags.length]).toEqual([true, 1]);
  });

  it.each(operations)("$name names a credential that exists, with scopes that exist", ({ operation }) => {
    const schemes = operation.security.flatMap((security) => Object.keys(security));
    expect(schemes.filter((scheme) => !(scheme in document.components.securitySchemes))).toEqual([]);
    const scopes = operation.security.flatMap((security) => Object.values(security).flat());
    expect(scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope))).toEqual([]);
    const keyInBody = asksForWriteKey(operation);
    expect([schemes.length > 0 && keyInBody, keyInBody && !operation.operationId.startsWith("ingest")]).toEqual([
      false,
      false,
    ]);
    expect("401" in operation.responses).toBe(schemes.length > 0 || keyInBody);
    expect("403" in operation.responses).toBe(scopes.length > 0 || keyInBody);
  });

  it("says which scopes a call needs besides, for what its body names", () => {
    const preview = operations.find(({ operation }) => operation.operationId === "previewTemplate")?.operation;
    expect(preview?.security).toEqual([{ apiKey: ["templates:read"] }]);
    expect(preview?.description).toMatch(
      /With `eventId` the key needs `events:read` too\. With `profileId` the key needs `profiles:read` too\.$/,
    );
  });

  it("asks for the idempotency key of an event", () => {
    const track = operations.find(({ name }) => name === "POST /api/v1/events")?.operation;
    expect(track?.parameters).toContainEqual(
      expect.objectContaining({ name: "idempotency-key", in: "header", required: true }),
    );
    expect(track?.requestBody?.required).toBe(true);
  });

  it("gives examples that pass the checks of their routes", () => {
    const examples = routes.flatMap(({ handler }) => operationOf(handler)?.body ?? []);
    expect(examples.length).toBeGreaterThan(5);
    for (const { schema, example } of examples) expect(v.parse(schema, example)).toEqual(example);
  });

  it("is the same document each time", async () => {
    expect((await get(NOBODY, "/openapi.json")).body).toEqual(document);
  });
});
