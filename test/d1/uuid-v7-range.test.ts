import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AFTER_EVERY_UUID, uuidV7Floor } from "../../src/d1/uuid-v7-range.ts";
import { anIdAt } from "./builders.ts";

const anInstant = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe("uuidV7Floor", () => {
  it("is at or before every id of its instant and later, and after every earlier one", () => {
    fc.assert(
      fc.property(anInstant, anInstant, (floorMs, idMs) => {
        expect(anIdAt(idMs) >= uuidV7Floor(floorMs)).toBe(idMs >= floorMs);
      }),
    );
  });

  it("writes the instant into the first 48 bits of a version 7 UUID", () => {
    expect(uuidV7Floor(0x0123_4567_89ab)).toBe("01234567-89ab-7000-8000-000000000000");
  });

  it("counts a fraction as the next millisecond", () => {
    expect(uuidV7Floor(1.2)).toBe(uuidV7Floor(2));
  });

  it("clamps instants that a UUIDv7 cannot hold", () => {
    expect(uuidV7Floor(-1)).toBe(uuidV7Floor(0));
    expect(uuidV7Floor(Infinity)).toBe(uuidV7Floor(2 ** 48 - 1));
  });

  it("refuses what is no instant", () => {
    expect(() => uuidV7Floor(Number.NaN)).toThrow(RangeError);
  });

  it("sorts every UUID before the open end", () => {
    expect("ffffffff-ffff-ffff-ffff-ffffffffffff" < AFTER_EVERY_UUID).toBe(true);
  });
});
