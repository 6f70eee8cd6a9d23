// Turns routes and what they say of themselves into an OpenAPI 3.1 document, by the schemas that check requests.
import { toJsonSchema, type ConversionConfig, type JsonSchema } from "@valibot/to-json-schema";
import { Hono } from "hono";
import { describeRoute, generateSpecs, type DescribeRouteOptions } from "hono-openapi";
import type * as v from "valibot";
import { version } from "../../package.json";
import type { WaypostError } from "../domain/errors.ts";
import { journeyDefinitionSchema } from "../domain/journey.ts";
import { templateDefinitionSchema } from "../domain/template.ts";
import type { HttpEnv } from "./context.ts";
import { ENVELOPES, ERROR_HEADERS } from "./error-answers.ts";
import { STATUS_OF } from "./errors.ts";
import { apiKeyAnswer } from "./native/api-key-view.ts";
import { deliveryAnswer, deliveryItem } from "./native/delivery-view.ts";
import { enrollmentAnswer, enrollmentItem } from "./native/enrollment-view.ts";
import { eventAnswer, listedEventAnswer, receiptAnswer } from "./native/event-view.ts";
import { healthAnswer } from "./native/health-view.ts";
import { journeyAnswer, journeyVersionAnswer } from "./native/journey-view.ts";
import { profileAnswer } from "./native/profile-view.ts";
import { templateAnswer } from "./native/template-view.ts";
import { workspaceAnswer } from "./native/workspace-view.ts";
import { accessOf, operationOf, type Access, type Answer, type Operation } from "./operation.ts";
import { jsonObject } from "./validation.ts";

type Code = WaypostError["code"];
type Responses = NonNullable<DescribeRouteOptions["responses"]>;

/** Shapes that have a name in the document; everything else is written out where it stands. */
const NAMED: Record<string, v.GenericSchema> = {
  ApiKey: apiKeyAnswer,
  Delivery: deliveryAnswer,
  DeliveryItem: deliveryItem,
  Enrollment: enrollmentAnswer,
  EnrollmentItem: enrollmentItem,
  Event: eventAnswer,
  EventItem: listedEventAnswer,
  Health: healthAnswer,
  Journey: journeyAnswer,
  JourneyDefinition: journeyDefinitionSchema,
  JourneyVersion: journeyVersionAnswer,
  Profile: profileAnswer,
  Receipt: receiptAnswer,
  Template: templateAnswer,
  TemplateDefinition: templateDefinitionSchema,
  Workspace: workspaceAnswer,
  ...Object.fromEntries(Object.entries(ENVELOPES).map(([code, envelope]) => [errorName(code as Code), envelope])),
};

const CONVERSION: ConversionConfig = {
  target: "draft-2020-12",
  typeMode: "input",
  definitions: NAMED,
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  // Rules that no JSON Schema can say; their messages do.
  ignoreActions: ["check", "raw_check", "partial_check"],
  overrideSchema: ({ valibotSchema }) => (valibotSchema === jsonObject ? { type: "object" } : undefined),
};

const REQUEST_ID_HEADER = { "x-request-id": { $ref: "#/components/headers/RequestId" } } as const;

const PAGE_PARAMETERS = [
  {
    name: "limit",
    in: "query",
    schema: { type: "integer", minimum: 1, maximum: 200, default: 50 },
  },
  {
    name: "cursor",
    in: "query",
    description: "The `nextCursor` of the page before, as it was given.",
    schema: { type: "string" },
  },
] as const;

/** Describes every route of an app that says something of itself. */
export async function documentOf(app: Hono<HttpEnv>): Promise<object> {
  const described = new Hono();
  const routes = Map.groupBy(app.routes, ({ method, path }) => `${method} ${path}`);
  for (const handlers of routes.values()) {
    const operation = handlers.map(({ handler }) => operationOf(handler)).find((found) => found !== undefined);
    const access = handlers.map(({ handler }) => accessOf(handler)).find((found) => found !== undefined);
    const [{ method, path } = { method: "", path: "" }] = handlers;
    if (operation !== undefined) described.on(method, path, describeRoute(specOf(path, operation, access)));
  }
  return await generateSpecs(described, {
    excludeStaticFile: false,
    documentation: {
      info: {
        title: "Waypost",
        version,
        description:
          "Send one business event about a person; the answer says which journeys it started. " +
          "Errors: `{ error, message, details? }`, see docs/errors.md; a method that a path does not take is a 405. " +
          "Not in here: vendors' doors, which speak as those vendors document (docs/compatibility.md).",
      },
      components: {
        schemas: Object.fromEntries(
          Object.entries(NAMED).map(([name, schema]) => [name, definitionOf(name, schema)]),
        ) as never,
        headers: {
          RequestId: {
            description: "Names this request; quote it when you ask about it.",
            required: true,
            schema: { type: "string", format: "uuid" },
          },
        },
        securitySchemes: {
          apiKey: {
            type: "apiKey",
            in: "header",
            name: "x-api-key",
            description: "A secret key, `wp_sk_…`. What stands beside it are the scopes that a call needs.",
          },
          adminToken: { type: "http", scheme: "bearer", description: "The operator's token." },
          svixSignature: {
            type: "apiKey",
            in: "header",
            name: "svix-signature",
            description:
              "Made by the provider over `svix-id`, `svix-timestamp` and the body, under a secret of its own.",
          },
        },
      },
    },
  });
}

function specOf(path: string, operation: Operation, access: Access | undefined): DescribeRouteOptions {
  const { id, summary, body } = operation;
  const description = descriptionOf(operation);
  return {
    operationId: id,
    tags: [/^\/api\/v1\/([^/]+)/.exec(path)?.[1] ?? "operations"],
    summary,
    ...(description === "" ? {} : { description }),
    security: securityOf(access),
    parameters: [
      ...parametersOf("header", operation.headers),
      ...parametersOf("query", operation.query),
      ...(operation.paged === true ? PAGE_PARAMETERS : []),
    ],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.optional !== true,
            content: { "application/json": { schema: jsonSchemaOf(body.schema), example: body.example } },
          },
        }),
    responses: { ...errorResponses(errorsOf(path, operation, access)), ...answersOf(operation.answers) },
  };
}

/** What a body's fields ask of a key stands here: a security requirement holds for a call, whatever is in it. */
function descriptionOf({ description, fieldScopes = {} }: Operation): string {
  const scopes = Object.entries(fieldScopes).map(
    ([field, scope]) => `With \`${field}\` the key needs \`${scope}\` too.`,
  );
  return [...(description === undefined ? [] : [description]), ...scopes].join(" ");
}

function securityOf(access: Access | undefined): Record<string, string[]>[] {
  if (access === undefined) return [];
  switch (access.kind) {
    case "key":
      return [{ apiKey: [...access.scopes] }];
    case "write_key_in_body":
      // No scheme of OpenAPI's stands in a body: the body's own shape asks for the key.
      return [];
    case "signature":
      return [{ svixSignature: [] }];
    case "operator":
      return [{ adminToken: [] }];
    case "operator_or_key":
      return [{ adminToken: [] }, { apiKey: [...access.scopes] }];
    case "operator_if_any":
      return [{}, { adminToken: [] }];
  }
}

function parametersOf(place: "header" | "query", schema: v.GenericSchema | undefined) {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchemaOf(schema) as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: property,
  }));
}

/** Errors that follow from what a route asks for, and those it names. */
function errorsOf(path: string, operation: Operation, access: Access | undefined): Code[] {
  const { body, query, headers, paged } = operation;
  const errors = new Set<Code>(["internal", ...(operation.errors ?? [])]);
  if (access !== undefined) errors.add("unauthorized").add("unavailable");
  if ((access?.scopes.length ?? 0) > 0) errors.add("insufficient_scope");
  if (path.includes("/:")) errors.add("not_found");
  if ([body, query, headers, paged].some((part) => part !== undefined)) errors.add("invalid_request");
  if (body !== undefined) errors.add("payload_too_large");
  return [...errors];
}

function errorResponses(codes: Code[]): Responses {
  const byStatus = Map.groupBy(codes, (code) => String(STATUS_OF[code]));
  return Object.fromEntries(
    [...byStatus].map(([status, sharing]) => {
      const schemas = sharing.map((code) => ({ $ref: `#/components/schemas/${errorName(code)}` }));
      const headers = Object.assign({}, ...sharing.map((code) => ERROR_HEADERS[code])) as Record<string, string>;
      const schema = schemas.length === 1 ? schemas[0] : { oneOf: schemas };
      return [status, responseOf(sharing.map((code) => `\`${code}\``).join(", "), headers, schema)];
    }),
  );
}

function answersOf(answers: Record<number, Answer>): Responses {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, headers = {}, body }]) => [
      status,
      responseOf(description, headers, body === undefined ? undefined : jsonSchemaOf(body)),
    ]),
  );
}

function responseOf(
  description: string,
  headers: Record<string, string>,
  schema: object | undefined,
): Responses[string] {
  return {
    description,
    headers: {
      ...REQUEST_ID_HEADER,
      ...Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: "string" } }]),
      ),
    },
    ...(schema === undefined ? {} : { content: { "application/json": { schema } } }),
  };
}

function jsonSchemaOf(schema: v.GenericSchema): object {
  return withoutMeta(toJsonSchema(schema, CONVERSION));
}

/** A named shape written out; by itself it would be told as a reference to its own name. */
function definitionOf(name: string, schema: v.GenericSchema): object {
  return withoutMeta(toJsonSchema(schema, CONVERSION).$defs?.[name] as JsonSchema);
}

/** The named shapes stand in the document once, and it says itself which dialect it speaks. */
function withoutMeta({ $schema: _schema, $defs: _defs, ...schema }: JsonSchema): object {
  return schema;
}

/** `not_found` → `NotFoundError` */
function errorName(code: Code): string {
  return `${code.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Error`;
}
