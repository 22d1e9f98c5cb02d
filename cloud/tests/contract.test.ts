/** Plays contract.json, as contract.md says, against the functions of convex/. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { JSONValue } from "convex/values";
import contract from "../contract.json";
import { Server, SERVICE_KEY, SITE, type Kind, type Reply } from "./server";

type Json = JSONValue;
type Step = { name: string; save?: Record<string, string>; expect?: Record<string, Json> } & Record<string, Json>;

const KEYS = new Set([
  "$secret",
  "$oldSecret",
  "$serviceKey",
  "$saved",
  "$repeat",
  "$each",
  "$any",
  "$now",
  "$rejected",
  "$not",
]);

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** What a scenario's steps know of each other. */
class Play {
  readonly saved: Record<string, Json> = {};
  readonly secrets: Record<string, string> = {};
  readonly old: Record<string, string> = {};
  private readonly tokens: Record<string, string> = {};

  constructor(readonly server: Server) {}

  static async start(): Promise<Play> {
    const play = new Play(await Server.start());
    for (const [toy, config] of Object.entries(contract.toys)) await play.server.setToy(toy, config);
    for (const device of contract.devices) play.secrets[device] = await play.server.register(device);
    return play;
  }

  /** What a placeholder in what is sent stands for. */
  fill(value: Json): Json {
    if (Array.isArray(value)) return value.map((item) => this.fill(item));
    if (typeof value !== "object" || value === null) return value;
    if ("$secret" in value) return this.secrets[value.$secret as string]!;
    if ("$oldSecret" in value) return this.old[value.$oldSecret as string]!;
    if ("$serviceKey" in value) return SERVICE_KEY;
    if ("$saved" in value) return this.saved[value.$saved as string]!;
    if ("$repeat" in value) return (value.$repeat as string).repeat(value.times as number);
    if ("$each" in value) {
      const numbers = Array.from({ length: (value.to as number) - (value.from as number) + 1 }, (_, n) => n);
      return numbers.map((n) => numbered(value.$each!, n + (value.from as number)));
    }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.fill(item!)]));
  }

  async token(as: Json): Promise<string | undefined> {
    if (as === "nobody") return undefined;
    if (typeof as !== "string") return this.fill((as as { token: Json }).token) as string;
    if (this.tokens[as] === undefined) {
      const args = { deviceId: as, deviceSecret: this.secrets[as]! };
      const reply = await this.server.call("action", "auth:authenticateDevice", args);
      expect(reply.http, JSON.stringify(reply.body)).toBe(200);
      this.remember(args, reply);
    }
    return this.tokens[as];
  }

  async call(step: Step): Promise<Reply> {
    const args = this.fill(step.args!);
    const reply = await this.server.call(step.kind as Kind, step.path as string, args, await this.token(step.as!));
    if (step.path === "auth:authenticateDevice" && reply.http === 200) this.remember(args, reply);
    return reply;
  }

  private remember(args: Json, reply: Reply): void {
    const { value } = reply.body as { value: { convexToken: string } };
    this.tokens[(args as { deviceId: string }).deviceId] = value.convexToken;
  }

  async upload(step: Step): Promise<Reply> {
    const { url, type, size } = this.fill(step.upload!) as { url: string; type: string; size: number };
    expect(url.startsWith(SITE)).toBe(true);
    const init = { method: "POST", headers: { "Content-Type": type }, body: new Uint8Array(size).fill(7) };
    const response = await this.server.t.fetch(url.slice(SITE.length), init);
    return { http: response.status, body: (await response.json()) as Json };
  }

  async operate(step: Step): Promise<void> {
    const device = step.device as string;
    if (step.operator === "revoke") await this.server.revoke(device);
    else if (step.operator === "consent") await this.server.consent(step.toy as string, step.allow as boolean);
    else if (step.operator === "wait") this.server.wait(step.seconds as number);
    else if (step.operator === "count") expect(await this.server.count(device)).toMatchObject(step.expect!);
    else if (step.operator === "rotate") {
      this.old[device] = this.secrets[device]!;
      this.secrets[device] = await this.server.rotate(device);
    } else throw new Error(`no operator does ${String(step.operator)}`);
  }

  // -- comparing ----------------------------------------------------------------------------------------------------

  fits(found: Json | undefined, wanted: Json, where: string): void {
    if (Array.isArray(wanted)) {
      expect(found, where).toHaveLength(wanted.length);
      wanted.forEach((item, index) => this.fits((found as Json[])[index], item, `${where}[${index}]`));
    } else if (typeof wanted !== "object" || wanted === null) {
      expect(found, where).toStrictEqual(wanted);
    } else if (Object.keys(wanted).some((key) => KEYS.has(key))) {
      this.fitsPlaceholder(found, wanted as Record<string, Json>, where);
    } else {
      expect(typeof found === "object" && found !== null, `${where} is an object`).toBe(true);
      const object = found as Record<string, Json>;
      for (const [key, item] of Object.entries(wanted)) this.fits(object[key], item!, `${where}.${key}`);
    }
  }

  private fitsPlaceholder(found: Json | undefined, wanted: Record<string, Json>, where: string): void {
    if ("$any" in wanted) {
      expect(found === null ? "null" : Array.isArray(found) ? "list" : typeof found, where).toBe(wanted.$any);
      expect(found, where).not.toBe("");
    } else if ("$now" in wanted) {
      expect(Math.abs((found as number) - Date.now() - (wanted.$now as number)), where).toBeLessThanOrEqual(60_000);
    } else if ("$rejected" in wanted) {
      const rejected = found as { id: string; reason: string }[];
      expect(
        rejected.map(({ id }) => id),
        where,
      ).toStrictEqual(wanted.$rejected);
      for (const { reason } of rejected) expect(reason, where).not.toBe("");
    } else if ("$not" in wanted) {
      expect(typeof found, where).toBe("string");
      expect(found, where).not.toBe(this.saved[wanted.$not as string]);
    } else {
      expect(found, where).toStrictEqual(this.fill(wanted));
    }
  }

  compare(step: Step, reply: Reply): void {
    const told = `${step.name}: ${JSON.stringify(reply)?.slice(0, 400)}`;
    const body = reply.body as Record<string, Json>;
    const wanted = step.expect!;
    if ("value" in wanted) {
      expect(reply.http, told).toBe(200);
      const value = step.upload === undefined ? body.value : reply.body;
      this.fits(value, wanted.value!, step.name);
      const object = value as Record<string, Json>;
      for (const [name, key] of Object.entries(step.save ?? {})) this.saved[name] = object[key]!;
    } else if ("http" in wanted) {
      expect(reply.http, told).toBe(wanted.http);
      expect(body, told).toMatchObject({ code: wanted.code, message: expect.stringMatching(/./) });
    } else if (reply.http === 401) {
      expect(wanted.code, told).toBe("UNAUTHENTICATED");
    } else {
      expect(reply.http, told).toBe(560);
      expect(body, told).toMatchObject({ status: "error", errorMessage: expect.stringMatching(/./) });
      const data = body.errorData as { code: string; message: string };
      expect(data.code, told).toBe(wanted.code);
      expect(data.message, told).toContain((wanted.mentions as string) ?? "");
    }
  }
}

function numbered(value: Json, n: number): Json {
  if (typeof value === "string") return value.replaceAll("{n}", String(n));
  if (Array.isArray(value)) return value.map((item) => numbered(item, n));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, numbered(item!, n)]));
}

describe("the contract", () => {
  for (const scenario of contract.scenarios) {
    test(scenario.name, async () => {
      const play = await Play.start();
      for (const step of scenario.steps as unknown as Step[]) {
        if ("operator" in step) await play.operate(step);
        else play.compare(step, "upload" in step ? await play.upload(step) : await play.call(step));
      }
    });
  }
});
