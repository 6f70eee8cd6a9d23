import { describe, expect, it } from "vitest";
import { isGenuine, mintUnsubscribeToken, readUnsubscribeToken } from "../../src/crypto/unsubscribe-token.ts";
import { uuidV7 } from "../../src/domain/ids.ts";

const KEY = new Uint8Array(32).fill(7);
const OTHER_KEY = new Uint8Array(32).fill(8);
const anId = (byte: number): string => uuidV7(Date.UTC(2026, 5), 0, new Uint8Array(8).fill(byte));
const WORKSPACE = anId(1);
const DELIVERY = anId(2);

const genuine = (key: Uint8Array, text: string): boolean => {
  const token = readUnsubscribeToken(text);
  return token !== null && isGenuine(key, token);
};

describe("a token", () => {
  const token = mintUnsubscribeToken(KEY, WORKSPACE, DELIVERY);

  it("says which message of which workspace it is about", () => {
    expect(readUnsubscribeToken(token)).toMatchObject({ workspaceId: WORKSPACE, deliveryId: DELIVERY });
  });

  it("is letters and digits, so that no mail program breaks it", () => {
    expect(token).toMatch(/^[0-9A-Za-z]{65}$/);
  });

  it("is genuine under the key it was made with, and under no other", () => {
    expect([genuine(KEY, token), genuine(OTHER_KEY, token)]).toEqual([true, false]);
  });

  it("is not genuine with any one character changed", () => {
    const forged = Array.from(token, (character, at) => {
      return token.slice(0, at) + (character === "x" ? "y" : "x") + token.slice(at + 1);
    });
    expect(forged.filter((text) => genuine(KEY, text))).toEqual([]);
  });

  it("is not genuine with the tag of another message or workspace", () => {
    const tag = readUnsubscribeToken(token)?.tag ?? new Uint8Array();
    const borrowed = [
      { workspaceId: WORKSPACE, deliveryId: anId(3), tag },
      { workspaceId: anId(4), deliveryId: DELIVERY, tag },
      { workspaceId: DELIVERY, deliveryId: WORKSPACE, tag },
    ];
    expect(borrowed.map((one) => isGenuine(KEY, one))).toEqual([false, false, false]);
  });

  it.each([
    ["", "too short"],
    ["z".repeat(65), "too large a number"],
    ["x".repeat(66), "too long"],
    ["../../etc", "no token"],
  ])("is none when it reads %j (%s)", (text) => {
    expect(readUnsubscribeToken(text)).toBeNull();
  });
});
