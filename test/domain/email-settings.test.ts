import { describe, expect, it } from "vitest";
import { emailSettingsIssue } from "../../src/domain/email-settings.ts";

describe("emailSettingsIssue", () => {
  it.each([
    ["the binding alone", { EMAIL: {} }],
    ["the binding by name", { EMAIL_SENDER: "cloudflare", EMAIL: {} }],
    ["Resend with its key", { EMAIL_SENDER: "resend", RESEND_API_KEY: "re_1" }],
    [
      "another service with its key",
      { EMAIL_SENDER: "resend", RESEND_API_KEY: "k", RESEND_BASE_URL: "http://127.0.0.1:9" },
    ],
    ["files with who takes them", { EMAIL_SENDER: "file", EMAIL_FILES: {} }],
  ])("misses nothing with %s", (_, settings) => {
    expect(emailSettingsIssue(settings)).toBeNull();
  });

  it.each([
    ["EMAIL", {}],
    ["EMAIL_FILES", { EMAIL_SENDER: "file", EMAIL: {} }],
    ["RESEND_API_KEY", { EMAIL_SENDER: "resend", EMAIL: {} }],
    ["RESEND_API_KEY", { EMAIL_SENDER: "resend", RESEND_API_KEY: "  " }],
    ["RESEND_API_KEY", { EMAIL_SENDER: "resend", RESEND_API_KEY: "re_smtp\nre_smtp" }],
    ["RESEND_API_KEY", { EMAIL_SENDER: "resend", RESEND_API_KEY: "“re_smtp”" }],
    ["RESEND_BASE_URL", { EMAIL_SENDER: "resend", RESEND_API_KEY: "k", RESEND_BASE_URL: "smtp://mail" }],
    ["EMAIL_SENDER", { EMAIL_SENDER: "smtp-secret", EMAIL: {} }],
    ["EMAIL_SENDER", { EMAIL_SENDER: "", EMAIL: {} }],
  ])("names %s when that is what is wrong, and no value", (name, settings) => {
    const issue = emailSettingsIssue(settings);
    expect(issue).toMatch(new RegExp(`\\b${name}\\b`));
    expect(issue).not.toMatch(/smtp/);
  });
});
