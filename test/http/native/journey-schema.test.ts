// The published JSON Schema says of a document what checkDefinition says, as far as a schema can: whatever it takes
// or refuses wrongly would mislead everyone who writes a journey in an editor.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkDefinition } from "../../../src/domain/journey.ts";
import type { Json, JsonObject } from "../../../src/domain/json.ts";
import { STEP_TYPES } from "../../../src/domain/steps/index.ts";
import { aJourneyDocument } from "../../domain/journey-document.ts";
import { get, NOBODY } from "../../support/api.ts";
import { isValidFor } from "../../support/json-schema.ts";
import { DOCUMENTS, withFilter, withGoal } from "./journey-schema-documents.ts";

const answer = await get(NOBODY, "/schemas/journey.json");
const schema = answer.body as JsonObject;

const takenBySchema = (document: unknown): boolean => isValidFor(schema, document as Json);
const takenByUs = (document: unknown): boolean => checkDefinition(document).ok;

describe("GET /schemas/journey.json", () => {
  it("is a schema that names itself by its address, open to everyone and every page", () => {
    expect(answer.status).toBe(200);
    expect(schema).toMatchObject({
      $id: "http://waypost.test/schemas/journey.json",
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "Waypost journey",
      type: "object",
    });
    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=3600");
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  });

  it("has a title for every step type, and a description for every part", () => {
    const defs = schema["$defs"] as Record<string, JsonObject>;
    for (const type of STEP_TYPES) expect([type, defs[`${type}_step`]?.["title"]]).toEqual([type, expect.any(String)]);
    const undescribed = Object.entries(schema["properties"] as Record<string, JsonObject>).filter(
      ([, part]) => part["description"] === undefined,
    );
    expect(undescribed).toEqual([]);
  });

  it.each(DOCUMENTS)("agrees with what is taken and refused: %s", (_what, document) => {
    expect(takenBySchema(document)).toBe(takenByUs(document));
  });

  it("is shown documents of both sides", () => {
    const taken = DOCUMENTS.filter(([, document]) => takenByUs(document)).length;
    expect(Math.min(taken, DOCUMENTS.length - taken)).toBeGreaterThan(60);
  });

  it("agrees on random conditions, well-formed or not", () => {
    const path = fc.constantFrom("/event/a", "/profile/b/0", "/event", "event/a", "/x", "/event/~2", 1);
    const literal = fc.constantFrom<Json>(null, 1, "x", true, [1], [{ a: 1 }], { a: 1 });
    const operand = fc.oneof(
      literal,
      path.map((at) => ({ $state: at })),
      path.map((at) => ({ $entry: at })),
      path.map((at) => [{ $state: at }]),
    );
    const word = fc.constantFrom("eq", "neq", "in", "gt", "contains", "exists", "not", "like");
    const { condition } = fc.letrec<{ condition: Json }>((tie) => ({
      condition: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom<Json>(true, false, null, 3, {}, []),
        fc
          .tuple(path, fc.dictionary(word, operand, { maxKeys: 2, noNullPrototype: true }))
          .map(([at, rest]) => ({ $state: at, ...rest })),
        fc.array(tie("condition"), { maxLength: 2 }),
        fc.array(tie("condition"), { maxLength: 2 }).map(($and) => ({ $and })),
        fc.tuple(fc.array(tie("condition"), { maxLength: 2 }), literal).map(([$or, not]) => ({ $or, not })),
      ),
    }));
    let taken = 0;
    fc.assert(
      fc.property(condition, (filter) => {
        for (const document of [withFilter(filter), withGoal(filter)]) {
          expect(takenBySchema(document)).toBe(takenByUs(document));
          if (takenByUs(document)) taken += 1;
        }
      }),
      { numRuns: 2_000, seed: 20_260_601 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  it("leaves to the check what a schema cannot say: where steps lead", () => {
    const lost = aJourneyDocument({ steps: [{ id: "a", type: "delay", for: "P1D", next: "gone" }] });
    expect([takenBySchema(lost), takenByUs(lost)]).toEqual([true, false]);
  });
});
