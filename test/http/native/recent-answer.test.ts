import { describe, expect, it } from "vitest";
import { RecentAnswer } from "../../../src/http/native/recent-answer.ts";

/** What counts how often it was asked, and the clock that decides whether it is asked again. */
function given() {
  const clock = { now: 1_000_000 };
  let asked = 0;
  const recent = new RecentAnswer<number>(1_000, () => clock.now);
  return { clock, read: async () => await recent.read(async () => await Promise.resolve(++asked)) };
}

describe("RecentAnswer", () => {
  it("asks once for as long as the answer is recent", async () => {
    const { clock, read } = given();
    expect(await read()).toBe(1);
    clock.now += 999;
    expect(await read()).toBe(1);
  });

  it("asks again after that", async () => {
    const { clock, read } = given();
    await read();
    clock.now += 1_000;
    expect(await read()).toBe(2);
  });

  it("asks again when the clock has gone back", async () => {
    const { clock, read } = given();
    await read();
    clock.now -= 1;
    expect(await read()).toBe(2);
  });

  it("keeps nothing of a question that failed", async () => {
    const recent = new RecentAnswer<number>(1_000, () => 0);
    await expect(recent.read(async () => await Promise.reject(new Error("away")))).rejects.toThrow("away");
    expect(await recent.read(async () => await Promise.resolve(7))).toBe(7);
  });
});
