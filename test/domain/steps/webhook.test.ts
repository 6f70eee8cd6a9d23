import { describe, expect, it } from "vitest";
import { checkedStep, stepIssuePaths } from "../journey-document.ts";

const WEBHOOK = { type: "webhook", url: "https://crm.example.com/vip" };

describe("webhook", () => {
  it.each([
    "https://crm.example.com/vip?a=b#c",
    "https://crm.example.com:8443",
    "http://localhost:3000/hook",
    "http://127.0.0.1/hook",
    "http://[::1]:9/hook",
    `https://example.com/${"a".repeat(2028)}`,
  ])("takes the URL %s", (url) => {
    expect(stepIssuePaths({ ...WEBHOOK, url })).toEqual([]);
  });

  it.each<[string, unknown]>([
    ["another type", 1],
    ["nothing", undefined],
    ["no URL", "crm"],
    ["a relative one", "/vip"],
    ["plain http", "http://crm.example.com"],
    ["http to a host that only looks local", "http://localhost.example.com"],
    ["another scheme", "ftp://localhost/"],
    ["a script", "javascript:alert(1)"],
    ["a user name", "https://ann@crm.example.com"],
    ["a password", "https://:pw@crm.example.com"],
    ["outer white space", " https://crm.example.com"],
    ["an inner line break", "https://crm.exa\nmple.com"],
    ["2049 characters", `https://example.com/${"a".repeat(2029)}`],
  ])("refuses as URL %s", (_what, url) => {
    expect(stepIssuePaths({ ...WEBHOOK, url })).toEqual(["url"]);
  });

  it.each(["GET", "POST", "PUT", "PATCH", "DELETE"])("takes the method %s", (method) => {
    expect(stepIssuePaths({ ...WEBHOOK, method })).toEqual([]);
  });

  it.each(["get", "HEAD", "", null])("refuses the method %j", (method) => {
    expect(stepIssuePaths({ ...WEBHOOK, method })).toEqual(["method"]);
  });

  it.each<[string, string, string[]]>([
    ["text and paths", '{"x-a":"b","x-c":{"$state":"/profile/plan"}}', []],
    ["an odd name that is a valid one", '{"__proto__":"a","constructor":"b"}', []],
    ["no header", "{}", []],
    ["no object", '"x-a: b"', ["headers"]],
    ["a list", '["a"]', ["headers"]],
    ["a space in a name", '{"x a":"b"}', ["headers.x a"]],
    ["an empty name", '{"":"b"}', ["headers"]],
    ["a line break in a value", '{"x-a":"b\\r\\nx-c: d"}', ["headers.x-a"]],
    ["a number as value", '{"x-a":1}', ["headers.x-a"]],
    ["null as value", '{"x-a":null}', ["headers.x-a"]],
    ["a path to nowhere", '{"x-a":{"$state":"/nowhere"}}', ["headers.x-a"]],
  ])("judges headers with %s", (_what, headers, paths) => {
    expect(stepIssuePaths({ ...WEBHOOK, headers: JSON.parse(headers) })).toEqual(paths);
  });

  it.each([
    "webhook-id",
    "Webhook-Signature",
    "WEBHOOK-anything",
    "Host",
    "content-length",
    "Transfer-Encoding",
    "connection",
    "keep-alive",
    "Upgrade",
    "te",
    "trailer",
    "expect",
    "via",
    "content-encoding",
    "http2-settings",
    "proxy-authorization",
    "CF-Connecting-IP",
  ])("refuses the header %s, which is not the journey's to set", (name) => {
    expect(stepIssuePaths({ ...WEBHOOK, headers: { [name]: "x" } })).toEqual([`headers.${name}`]);
    expect(stepIssuePaths({ ...WEBHOOK, headers: { [name]: { $state: "/profile/x" } } })).toEqual([`headers.${name}`]);
  });

  it.each(["authorization", "content-type", "user-agent", "x-webhook-id", "hostname", "cookie"])(
    "takes the header %s",
    (name) => {
      expect(stepIssuePaths({ ...WEBHOOK, headers: { [name]: "x" } })).toEqual([]);
    },
  );

  it.each<[string, string, string[]]>([
    ["any JSON", '{"a":[1,null,{"b":"c"}]}', []],
    ["a list", "[1]", []],
    ["null", "null", []],
    ["paths at any depth", '{"a":[{"b":{"$state":"/event/x"}}]}', []],
    ["a path to nowhere", '{"a":[{"b":{"$state":"/x"}}]}', ["body.a.0.b"]],
    ["a path with company", '{"a":{"$state":"/event/x","b":1}}', ["body.a"]],
    ["a path as the whole body", '{"$state":7}', ["body"]],
  ])("judges a body of %s", (_what, body, paths) => {
    expect(stepIssuePaths({ ...WEBHOOK, body: JSON.parse(body) })).toEqual(paths);
  });

  it("keeps headers and body as they were sent, whatever their keys", () => {
    const free = '{"__proto__":{"x":"1"},"constructor":"2","prototype":[{"__proto__":3}]}';
    const headers = '{"__proto__":"a","constructor":"b"}';
    const step = checkedStep({ ...WEBHOOK, headers: JSON.parse(headers), body: JSON.parse(free) });
    expect(JSON.stringify(step)).toContain(`"headers":${headers}`);
    expect(JSON.stringify(step)).toContain(`"body":${free}`);
  });

  it("refuses a body on a GET", () => {
    expect(stepIssuePaths({ ...WEBHOOK, method: "GET", body: {} })).toEqual([""]);
  });

  it.each(["continue", "fail", "done"])("takes %s as onFailure", (onFailure) => {
    expect(stepIssuePaths({ ...WEBHOOK, onFailure })).toEqual([]);
  });

  it.each(["gone", "Retry!", 1, null])("refuses %j as onFailure", (onFailure) => {
    expect(stepIssuePaths({ ...WEBHOOK, onFailure })).toEqual(["onFailure"]);
  });
});
