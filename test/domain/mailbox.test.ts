import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatMailbox, isMailbox, readMailbox } from "../../src/domain/mailbox.ts";

describe("readMailbox", () => {
  it.each([
    ["alex@example.com", null, "alex@example.com"],
    ["Acme <hello@example.com>", "Acme", "hello@example.com"],
    ["Zoë's Café <hello@example.com>", "Zoë's Café", "hello@example.com"],
    ['"Acme, Inc." <hello@example.com>', "Acme, Inc.", "hello@example.com"],
    ["Acme Inc. <hello@example.com>", "Acme Inc.", "hello@example.com"],
  ])("reads %s", (text, name, address) => {
    expect(readMailbox(text)).toEqual({ name, address });
  });

  it.each([
    ["nothing", ""],
    ["no address", "Acme"],
    ["an address without a domain", "alex@localhost"],
    ["two addresses", "alex@example.com, kim@example.com"],
    ["two mailboxes", "A <a@example.com>, B <b@example.com>"],
    ["a group", "Friends: alex@example.com;"],
    ["text behind the address", "Acme <hello@example.com> x"],
    ["a line break in the name", "Acme\r\nBcc: kim@example.com <hello@example.com>"],
    ["a line break in the address", "Acme <hello@example.com\r\nBcc: kim@example.com>"],
    ["a line break behind the address", "hello@example.com\n"],
    ["a line separator in the name", "Acme\u2028 <hello@example.com>"],
    ["a lone surrogate in the name", "Acme \ud800 <hello@example.com>"],
    ["a comma outside quotes", "Acme, Inc. <hello@example.com>"],
    ["an escaped quote", '"Acme \\" Inc" <hello@example.com>'],
    ["an address as the name", "ceo@bank.example <hello@example.com>"],
    ["only spaces for a name", "   <hello@example.com>"],
    ["a name of 201 characters", `${"a".repeat(201)} <hello@example.com>`],
  ])("refuses %s", (_, text) => {
    expect(readMailbox(text)).toBeNull();
    expect(isMailbox(text)).toBe(false);
  });

  it("refuses a long text in time that grows with its length", () => {
    // Quadratic work on this would take minutes, and the suite would end it.
    expect(readMailbox(`${" ".repeat(200_000)}x`)).toBeNull();
    expect(readMailbox(`"${"a ".repeat(100_000)}`)).toBeNull();
  });
});

describe("formatMailbox", () => {
  it("quotes a name only where it has to be quoted", () => {
    const address = "hello@example.com";
    expect(formatMailbox({ name: null, address })).toBe("hello@example.com");
    expect(formatMailbox({ name: "Acme", address })).toBe("Acme <hello@example.com>");
    expect(formatMailbox({ name: "Zoë", address })).toBe("Zoë <hello@example.com>");
    expect(formatMailbox({ name: "Acme, Inc.", address })).toBe('"Acme, Inc." <hello@example.com>');
  });

  it("writes what reads as the same mailbox", () => {
    const names = fc
      .string({ unit: fc.constantFrom(...Array.from("aZ09 .,;:@'&-!ëл漢😀")), minLength: 1, maxLength: 40 })
      .filter((name) => name.trim() === name);
    fc.assert(
      fc.property(names, (name) => {
        const mailbox = { name, address: "hello@example.com" };
        expect(readMailbox(formatMailbox(mailbox))).toEqual(mailbox);
      }),
    );
  });
});
