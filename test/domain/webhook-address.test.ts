import { describe, expect, it } from "vitest";
import { opensLoopback, webhookAddressIssue } from "../../src/domain/webhook-address.ts";
import { HOSTILE_ADDRESSES, LOOPBACK_ADDRESSES, PUBLIC_ADDRESSES } from "../support/hostile-addresses.ts";

const RULES = [{ loopback: false }, { loopback: true }];

describe("the address of a webhook", () => {
  it.each(HOSTILE_ADDRESSES)("is refused when it is %s", (_what, address) => {
    for (const rules of RULES) expect(webhookAddressIssue(address, rules)).toEqual(expect.any(String));
  });

  it.each(LOOPBACK_ADDRESSES)("may be %s where loopback is open, and only there", (address) => {
    expect(webhookAddressIssue(address, { loopback: true })).toBeNull();
    expect(webhookAddressIssue(address, { loopback: false })).toEqual(expect.any(String));
  });

  it.each(PUBLIC_ADDRESSES)("may be %s", (address) => {
    for (const rules of RULES) expect(webhookAddressIssue(address, rules)).toBeNull();
  });

  it.each([
    ["https://10.0.0.1/", "not an IP address"],
    ["https://0xa9fea9fe/", "not an IP address"],
    ["https://１２７.０.０.１/", "not an IP address"],
    ["https://printer.local/", "public internet"],
    ["https://app.lvh.me/", "public internet"],
    ["https://intra net.example.com/", "plain ASCII"],
    ["https://crm.example.com./", "without a dot at its end"],
    ["http://crm.example.com/", "https://"],
    ["https://crm.example.com:0/", "port"],
  ])("is told what to change: %s", (address, hint) => {
    expect(webhookAddressIssue(address, { loopback: false })).toContain(hint);
  });

  it("is never repeated in what is said of it", () => {
    for (const [, address] of HOSTILE_ADDRESSES) {
      expect(webhookAddressIssue(address, { loopback: false })).not.toContain(address.replace(/^\w+:\/*/, ""));
    }
  });
});

describe("the setting that opens loopback addresses", () => {
  it.each([undefined, "", "false", "TRUE", "1", " true"])("leaves them closed for %j", (setting) => {
    expect(opensLoopback(setting)).toBe(false);
  });

  it("opens them for its one word", () => {
    expect(opensLoopback("true")).toBe(true);
  });
});
