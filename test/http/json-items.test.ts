import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { itemTexts, withoutMember } from "../../src/http/json-items.ts";

/** JSON text of a value with space wherever JSON allows it. */
const spaced = (value: unknown): string => JSON.stringify(value, null, "\t ").replaceAll("\n", " \r\n");

describe("the texts of a list's items", () => {
  it("read back as the items, whatever they hold and whatever stands around the list", () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { minLength: 1 }),
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.boolean(),
        (list, before, behind, pretty) => {
          const { events: _, ...others } = behind;
          const body = { ...before, events: list, ...others };
          const texts = itemTexts(pretty ? spaced(body) : JSON.stringify(body), "events");
          expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(JSON.parse(JSON.stringify(list)));
        },
      ),
    );
  });

  it.each<[string, string, string[]]>([
    ["numbers stay as they were written", '{"events":[1e400,0.10, -0]}', ["1e400", "0.10", "-0"]],
    ["brackets and commas in strings end nothing", '{"events":["],[",{"a,]":"}"}]}', ['"],["', '{"a,]":"}"}']],
    ["an escaped quote ends no string", String.raw`{"events":["\"]\\",1]}`, [String.raw`"\"]\\"`, "1"]],
    ["the name may be escaped", String.raw`{"\u0065vents":[1]}`, ["1"]],
    ["a value that reads like the name is none", '{"a":"events","b":[1],"events":[2]}', ["2"]],
    ["a list of that name further in is another", '{"a":{"events":[1]},"events":[2]}', ["2"]],
    ["of two lists of one name the last counts", '{"events":[1,2],"events":[3]}', ["3"]],
    ["the space around an item is no part of it", '{"events": [ 1 ,\n{ } ]}', ["1", "{ }"]],
  ])("%s", (_, text, expected) => {
    expect(itemTexts(text, "events")).toEqual(expected);
    expect((JSON.parse(text) as { events: unknown[] }).events).toHaveLength(expected.length);
  });
});

describe("the text of an object without a member", () => {
  it("reads back as the object without it, and is as long as it would be written", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.jsonValue(),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (before, value, behind) => {
          const { k: _, ...first } = before;
          const { k: __, ...last } = behind;
          const text = withoutMember(JSON.stringify({ ...first, k: value, ...last }), "k");
          expect(text).toBe(JSON.stringify({ ...first, ...last }));
        },
      ),
    );
  });

  it.each<[string, string, string]>([
    ["takes the space around it along", '{"a":1 , "k" : "v" , "b":2}', '{"a":1 , "b":2}'],
    ["takes nothing further in", '{"a":{"k":1},"k":2}', '{"a":{"k":1}}'],
    ["takes no value that reads like the name", '{"a":"k","b":["k"],"k":2}', '{"a":"k","b":["k"]}'],
    ["takes the last one of the name, escaped or not", String.raw`{"k":1,"a":2,"\u006b":3}`, '{"k":1,"a":2}'],
    ["is empty where there is no other", '{ "k": 1 }', "{}"],
    ["is the text itself where it has none", '{ "a" : 1 }', '{ "a" : 1 }'],
    ["is the text itself where there is nothing", "{ }", "{ }"],
    ["is the text itself where it is no object", '["k",{"k":1}]', '["k",{"k":1}]'],
    ["is the text itself where it is a text", '"{\\"k\\":1}"', '"{\\"k\\":1}"'],
  ])("%s", (_, text, expected) => {
    expect(withoutMember(text, "k")).toBe(expected);
  });
});
