import { expect, it } from "vitest";
import { similarNames } from "../../src/domain/similar-names.ts";

const isSimilar = (wanted: string, name: string): boolean => similarNames(wanted, [name], 10).length === 1;

it.each([
  ["letter case", "Order.Created", "order.created"],
  ["separators", "order_created", "Order Created"],
  ["no separator", "orderCreated", "order.created"],
  ["a letter too few", "order.creatd", "order.created"],
  ["a letter too many", "order.createed", "order.created"],
  ["a wrong letter", "order.crested", "order.created"],
  ["two letters the wrong way round", "order.craeted", "order.created"],
  ["two slips in a long name", "ordre.craeted", "order.created"],
  ["one slip in a short name", "sing", "sign"],
])("takes %s for a slip", (_, wanted, name) => {
  expect(isSimilar(wanted, name)).toBe(true);
});

it.each([
  ["the name itself", "order.created", "order.created"],
  ["three slips", "ordre.craetde", "order.created"],
  ["two slips in a short name", "sing.pu", "sign.up"],
  ["very short names", "a", "b"],
  ["names of separators alone", "..", "--"],
  ["another word", "order.paid", "order.created"],
])("does not offer %s", (_, wanted, name) => {
  expect(isSimilar(wanted, name)).toBe(false);
});

it("gives the most alike first, and no more than were asked for", () => {
  const names = ["order.crated", "order.craetedd", "Order Created"];
  expect(similarNames("order.created", names, 2)).toEqual(["Order Created", "order.crated"]);
});
