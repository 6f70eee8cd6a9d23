// Where the local server's e-mails go: what is written, what is said of it, and that no name leads out of the folder.
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Request } from "miniflare";
import { describe, expect, it } from "vitest";
import { emailFiles } from "../../src/cli/dev/email-files.ts";
import { anOutgoingEmail } from "../support/emails.ts";

function aFolder() {
  const folder = join(mkdtempSync(join(tmpdir(), "waypost-emails-")), "emails");
  const lines: string[] = [];
  const take = emailFiles(folder, (line) => lines.push(line));
  const put = async (path: string, body: unknown, method = "PUT") =>
    (await take(new Request(`http://email-files/${path}`, { method, body: JSON.stringify(body) }))).status;
  return { folder, lines, put };
}

describe("the files of e-mails", () => {
  it("has each as its reader sees it, and what stands around it", async () => {
    const { folder, put } = aFolder();
    const email = anOutgoingEmail();
    const { html, text, ...around } = email;
    expect(await put(email.deliveryId, email)).toBe(204);
    const read = (end: string): string => readFileSync(join(folder, `${email.deliveryId}.${end}`), "utf8");
    expect(read("html")).toBe(html);
    expect(read("txt")).toBe(text);
    expect(JSON.parse(read("json"))).toEqual(around);
    expect(readdirSync(folder)).toHaveLength(3);
  });

  it("keeps one that is sent twice once, as it was sent last", async () => {
    const { folder, put } = aFolder();
    const email = anOutgoingEmail();
    await put(email.deliveryId, email);
    await put(email.deliveryId, { ...email, text: "Once more." });
    expect(readFileSync(join(folder, `${email.deliveryId}.txt`), "utf8")).toBe("Once more.");
    expect(readdirSync(folder)).toHaveLength(3);
  });

  it("is for its owner's eyes only", async () => {
    const { folder, put } = aFolder();
    const email = anOutgoingEmail();
    await put(email.deliveryId, email);
    expect(statSync(folder).mode & 0o077).toBe(0);
    for (const file of readdirSync(folder))
      expect([file, statSync(join(folder, file)).mode & 0o077]).toEqual([file, 0]);
  });

  it("says in one line to whom, with what subject and where it is", async () => {
    const { folder, lines, put } = aFolder();
    const email = anOutgoingEmail({ subject: 'Hi "Zoë"\u001b]0;x\u0007\u009b31m' });
    await put(email.deliveryId, email);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^E-mail to "alex@example\.com" "Hi \\"Zoë\\".*" → .*emails\/[0-9a-f-]{36}\.html$/);
    expect(lines[0]).not.toMatch(/\p{Cc}/u);
    expect(lines[0]).toContain(folder.split("/").slice(-2).join("/"));
  });

  it.each(["../../escape", "019bf964-302b-7a7f-add2-589343ef9f32/../x", "%2e%2e%2fescape", "", "notes.txt"])(
    "takes nothing under the name %j",
    async (path) => {
      const { folder, lines, put } = aFolder();
      expect(await put(path, anOutgoingEmail())).toBe(404);
      expect(existsSync(folder)).toBe(false);
      expect(lines).toEqual([]);
    },
  );

  it("takes nothing but PUT", async () => {
    const { put } = aFolder();
    const email = anOutgoingEmail();
    expect(await put(email.deliveryId, email, "POST")).toBe(404);
  });
});
