import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatUuid,
  MonotonicIds,
  shortUuid,
  UUID_PATTERN,
  uuidBytes,
  uuidOfShort,
  uuidV7,
  uuidV7Ms,
} from "../../src/domain/ids.ts";

const MAX_48_BITS = 2 ** 48 - 1;
const ms = fc.integer({ min: 0, max: MAX_48_BITS });
const random = fc.uint8Array({ minLength: 8, maxLength: 8 });
const NOW = Date.parse("2026-06-01T12:00:00.000Z");
const ZEROS = new Uint8Array(8);

describe("uuidV7", () => {
  it("is a UUID of version 7 whatever goes in", () => {
    fc.assert(
      fc.property(ms, fc.integer({ min: 0, max: 4095 }), random, (unixMs, sequence, bytes) => {
        const uuid = uuidV7(unixMs, sequence, bytes);
        expect(uuid).toMatch(UUID_PATTERN);
        expect(uuid[14]).toBe("7");
        expect("89ab").toContain(uuid[19]);
      }),
    );
  });

  it("gives its instant back", () => {
    fc.assert(
      fc.property(ms, random, (unixMs, bytes) => {
        expect(uuidV7Ms(uuidV7(unixMs, 4095, bytes))).toBe(unixMs);
      }),
    );
  });

  it("has the layout of RFC 9562", () => {
    expect(uuidV7(0x0123_4567_89ab, 0xcde, Uint8Array.from([0xff, 1, 2, 3, 4, 5, 6, 7]))).toBe(
      "01234567-89ab-7cde-bf01-020304050607",
    );
  });

  it("sorts as text by instant, then by sequence", () => {
    fc.assert(
      fc.property(ms, ms, fc.integer({ min: 0, max: 4094 }), random, random, (a, b, sequence, x, y) => {
        if (a !== b) expect(uuidV7(a, 4095, x) < uuidV7(b, 0, y)).toBe(a < b);
        expect(uuidV7(a, sequence, x) < uuidV7(a, sequence + 1, y)).toBe(true);
      }),
    );
  });
});

it("UUIDs are read and written without loss", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      expect(uuidBytes(formatUuid(bytes))).toEqual(bytes);
    }),
  );
});

describe("MonotonicIds", () => {
  it("never goes back, whatever the clock does", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: NOW - 5, max: NOW + 5 }), random)), (readings) => {
        const ids = new MonotonicIds();
        const given = readings.map(([now, bytes]) => ids.next(now, bytes));
        expect(given).toEqual(given.toSorted());
        expect(new Set(given).size).toBe(given.length);
      }),
    );
  });

  it("goes on into the next millisecond after 4,096 ids of one", () => {
    const ids = new MonotonicIds();
    const given = Array.from({ length: 4097 }, () => ids.next(NOW, ZEROS));
    expect([uuidV7Ms(given[4095] as string), uuidV7Ms(given[4096] as string)]).toEqual([NOW, NOW + 1]);
    expect(given).toEqual(given.toSorted());
  });

  it("goes on after an id that was given before, with the clock behind it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: NOW - 5, max: NOW + 5 }),
        fc.integer({ min: 0, max: 4095 }),
        random,
        (at, sequence, bytes) => {
          const before = uuidV7(at, sequence, bytes);
          const ids = new MonotonicIds();
          ids.resumeAfter(before);
          ids.resumeAfter(uuidV7(NOW - 60, 7, bytes));
          expect(ids.next(NOW, ZEROS) > before).toBe(true);
        },
      ),
    );
  });
});

describe("a UUID in 22 characters", () => {
  it("is base64url of its bytes", () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(shortUuid(uuid)).toBe(Buffer.from(uuidBytes(uuid)).toString("base64url"));
      }),
    );
  });

  it("gives the UUID back", () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(uuidOfShort(shortUuid(uuid))).toBe(uuid);
      }),
    );
  });
});
