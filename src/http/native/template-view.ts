// Templates as they are answered, and what a request may hold.
import * as v from "valibot";
import { templateDefinitionSchema, templateKey, templateName } from "../../domain/template.ts";
import { id, instant } from "../answer-fields.ts";

/** A small template that renders, for the API's description. */
export const EXAMPLE_DEFINITION = {
  subject: { $template: "Order ${/event/orderId} is on its way" },
  preheader: "Thank you for your order.",
  body: {
    root: "page",
    elements: {
      page: { type: "Container", props: {}, children: ["hello", "items", "end"] },
      hello: { type: "Heading", props: { text: { $template: "Thank you, ${/profile/firstName}" } } },
      items: { type: "Section", props: {}, repeat: { statePath: "/event/items" }, children: ["item"] },
      item: { type: "Text", props: { text: { $item: "name" } } },
      end: {
        type: "Link",
        props: { text: "Unsubscribe", href: { $state: "/journey/unsubscribeUrl" } },
        visible: { $state: "/journey/unsubscribeUrl", exists: true },
      },
    },
  },
};

export const templateRequest = v.object({
  key: templateKey,
  name: templateName,
  definition: templateDefinitionSchema,
});

export const templateEdit = v.object({
  /** Without it the template keeps its name. */
  name: v.exactOptional(templateName),
  definition: templateDefinitionSchema,
});

export const templateAnswer = v.object({
  id,
  key: v.string(),
  name: v.string(),
  status: v.picklist(["active", "archived"]),
  /** Of the newest snapshot, which `definition` is: messages that are asked for from now on are made of it. */
  snapshotId: id,
  definition: templateDefinitionSchema,
  createdAt: instant,
  updatedAt: instant,
});
