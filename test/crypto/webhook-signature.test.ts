// Signatures are judged by the reference library of Standard Webhooks, as a receiver would.
import { describe, expect, it } from "vitest";
import { Webhook } from "standardwebhooks";
import { formatWebhookSecret, webhookSignatureHeaders } from "../../src/crypto/webhook-signature.ts";

const aSecret = (byte: number, bytes = 32): string => formatWebhookSecret(new Uint8Array(bytes).fill(byte));

const ID = "019bf964-302b-7a7f-add2-589343ef9f32";
const BODY = '{"type":"journey.step","data":{"name":"Zoë 🎉"}}';
const now = () => Math.floor(Date.now() / 1_000);

describe("a webhook's signature", () => {
  it("is the one of the specification's example", () => {
    // Of the library's own documentation: secret, id, instant and body of a known signature.
    const headers = webhookSignatureHeaders(
      ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      1_614_265_330,
      '{"test": 2432232314}',
    );
    expect(headers).toEqual({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  it.each([24, 32, 64])("is verified with a secret of %i bytes", (bytes) => {
    const secret = aSecret(7, bytes);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]+={0,2}$/);
    expect(new Webhook(secret).verify(BODY, webhookSignatureHeaders([secret], ID, now(), BODY))).toEqual(
      JSON.parse(BODY),
    );
  });

  it("is verified by who knows either of two secrets", () => {
    const [current, previous] = [aSecret(1), aSecret(2)];
    const headers = webhookSignatureHeaders([current, previous], ID, now(), BODY);
    expect(headers["webhook-signature"].split(" ")).toHaveLength(2);
    for (const secret of [current, previous]) {
      expect(() => new Webhook(secret).verify(BODY, headers)).not.toThrow();
    }
    expect(() => new Webhook(aSecret(3)).verify(BODY, headers)).toThrow();
  });

  it("covers id, instant and body", () => {
    const receiver = new Webhook(aSecret(1));
    const headers = webhookSignatureHeaders([aSecret(1)], ID, now(), BODY);
    expect(() => receiver.verify(BODY, { ...headers, "webhook-id": `${ID}0` })).toThrow();
    expect(() => receiver.verify(BODY, { ...headers, "webhook-timestamp": String(now() + 1) })).toThrow();
    expect(() => receiver.verify(`${BODY} `, headers)).toThrow();
  });

  it("of a request without a body is over the empty text", () => {
    const headers = webhookSignatureHeaders([aSecret(1)], ID, now(), "");
    expect(() => new Webhook(aSecret(1)).verify("", headers, { jsonParse: false })).not.toThrow();
  });
});
