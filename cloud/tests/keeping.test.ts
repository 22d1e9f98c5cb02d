/** What is kept, for how long, and what a guardian's word does to it. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import contract from "../contract.json";
import { internal } from "../convex/_generated/api";
import crons from "../convex/crons";
import { Server, SITE } from "./server";

const DAY = 86_400;
const { rex } = contract.toys;

let server: Server;
let token: string;

beforeEach(async () => {
  server = await Server.start();
  await server.setToy("rex", rex);
  token = await signIn("one", await server.register("one"));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

async function signIn(deviceId: string, deviceSecret: string): Promise<string> {
  const { body } = await server.call("action", "auth:authenticateDevice", { deviceId, deviceSecret });
  return (body as { value: { convexToken: string } }).value.convexToken;
}

function toyThat(keeps: Partial<Record<"conversations" | "safety_events" | "metrics", number>>, allow_uploads = true) {
  return { ...rex, guardian_settings: { ...rex.guardian_settings, retention_days: keeps, allow_uploads } };
}

async function record(deviceId = "one", as = token): Promise<string> {
  const { body } = await server.call("mutation", "storage:generateUploadUrl", { deviceId, toyId: "rex" }, as);
  const { url } = (body as { value: { url: string } }).value;
  const init = { method: "POST", headers: { "Content-Type": "audio/ogg" }, body: new Uint8Array(100) };
  const response = await server.t.fetch(url.slice(SITE.length), init);
  return ((await response.json()) as { storageId: string }).storageId;
}

async function say(id: string, audioStorageId: string | null = null, deviceId = "one", as = token) {
  const words = { transcript: "roar", response: "roar roar", timestamp: "2026-03-01T10:00:00Z", wasOffline: false };
  const reply = await server.call(
    "mutation",
    "conversations:create",
    { deviceId, toyId: "rex", id, ...words, audioStorageId },
    as,
  );
  expect(reply, JSON.stringify(reply.body)).toMatchObject({ http: 200, body: { value: { accepted: [id] } } });
}

/** One of everything. */
async function sendAll(id: string) {
  await say(id, await record());
  const timestamp = "2026-03-01T10:00:00Z";
  const event = { eventType: "blocked_topic", severity: "low", details: { word: "war" }, isUrgent: false };
  const calls = {
    "guardian:reportEvent": { toyId: "rex", id, ...event },
    "metrics:batchRecord": { metrics: [{ id, name: "cpu_percent", value: 7, timestamp }] },
    "logs:create": { logs: [{ id, level: "info", event: "up", fields: { after: 1 }, timestamp }] },
  };
  for (const [path, args] of Object.entries(calls)) {
    const reply = await server.call("mutation", path, { deviceId: "one", timestamp, ...args }, token);
    expect(reply, JSON.stringify(reply.body)).toMatchObject({ http: 200, body: { value: { accepted: [id] } } });
  }
}

async function sweep(): Promise<void> {
  await server.t.mutation(internal.retention.sweep, {});
  await server.settle();
}

describe("retention", () => {
  test("keeps each kind as many days as the toy's guardian says", async () => {
    await server.setToy("rex", toyThat({ conversations: 2, safety_events: 3, metrics: 1 }));
    await sendAll("a");
    const left = [];
    for (let day = 0; day < 4; day++) {
      await sweep();
      const { conversations, safety_events, metrics, logs, audio } = await server.count("one");
      left.push([conversations, audio, safety_events, metrics, logs].join(" "));
      server.wait(DAY + 1);
    }
    expect(left).toEqual(["1 1 1 1 1", "1 1 1 0 0", "0 0 1 0 0", "0 0 0 0 0"]);
    expect(await server.files()).toBe(0);
  });

  test("holds for what is there when the guardian changes their mind", async () => {
    await sendAll("a");
    server.wait(5 * DAY);
    await sweep();
    expect(await server.count("one")).toMatchObject({ conversations: 1, metrics: 1 });
    await server.setToy("rex", toyThat({ conversations: 4, metrics: 4 }));
    await sweep();
    expect(await server.count("one")).toMatchObject({ conversations: 0, safety_events: 1, metrics: 0, logs: 0 });
  });

  test("of no days keeps nothing, and the toy does not send it again", async () => {
    await server.setToy("rex", toyThat({ conversations: 0, safety_events: 0, metrics: 0 }));
    await sendAll("a");
    const nothing = { conversations: 0, safety_events: 0, metrics: 0, logs: 0, audio: 0 };
    expect(await server.count("one")).toEqual(nothing);
    expect(await server.files()).toBe(0);
  });

  test("is the usual where the guardian has said nothing, or the toy is no more", async () => {
    await server.setToy("rex", toyThat({}));
    await sendAll("a");
    await server.t.run(async (ctx) => {
      for (const toy of await ctx.db.query("toys").collect()) await ctx.db.delete(toy._id);
    });
    server.wait(8 * DAY);
    await sweep();
    expect(await server.count("one")).toMatchObject({ conversations: 1, safety_events: 1, metrics: 0, logs: 0 });
    server.wait(23 * DAY);
    await sweep();
    expect(await server.count("one")).toMatchObject({ conversations: 0, safety_events: 1 });
  });

  test("goes on for a device that was revoked", async () => {
    await sendAll("a");
    await server.revoke("one");
    server.wait(91 * DAY);
    await sweep();
    expect(await server.count("one")).toMatchObject({ conversations: 0, safety_events: 0, metrics: 0, logs: 0 });
  });

  test("comes to an end however much there is, and leaves alone what is young", async () => {
    const metric = (n: number) => ({ id: `m${n}`, name: "cpu_percent", value: n, timestamp: "2026-03-01T10:00:00Z" });
    const send = async (from: number, to: number) => {
      const metrics = Array.from({ length: to - from }, (_, n) => metric(from + n));
      const args = { deviceId: "one", timestamp: "2026-03-01T10:00:00Z", metrics };
      expect((await server.call("mutation", "metrics:batchRecord", args, token)).http).toBe(200);
    };
    await send(0, 450);
    server.wait(1800);
    await send(450, 453);
    server.wait(7 * DAY - 900);
    await sweep();
    expect(await server.count("one")).toMatchObject({ metrics: 3 });
  });

  test("comes to an end for talks with several toys, too", async () => {
    await server.t.run(async (ctx) => {
      for (let n = 0; n < 450; n++) {
        const said = { transcript: "", response: "", wasOffline: false };
        await ctx.db.insert("conversations", { deviceId: "one", itemId: `${n}`, toyId: `toy-${n % 2}`, ...said });
      }
    });
    server.wait(31 * DAY);
    await sweep();
    expect(await server.count("one")).toMatchObject({ conversations: 0 });
  });

  test("takes whole days of ten years at most", async () => {
    for (const days of [-1, 0.5, 3651, Number.NaN]) {
      await expect(server.setToy("rex", toyThat({ metrics: days }))).rejects.toThrow("0 to 3650");
    }
  });

  test("is looked after by itself", () => {
    expect(Object.values(crons.crons).map((cron) => cron.name)).toEqual(["retention:sweepExpired", "retention:sweep"]);
  });
});

describe("a toy", () => {
  test("that no device would understand is not taken, and the operator hears why", async () => {
    const { voice_settings } = rex;
    const wrong = [
      ["rex", { ...rex, name: " " }, "name"],
      ["rex", { ...rex, voice_settings: { ...voice_settings, speed: 0 } }, "speed"],
      ["rex", { ...rex, voice_settings: { ...voice_settings, pitch: Number.NaN } }, "pitch"],
      ["rex", { ...rex, wake_sensitivity: 1.5 }, "wake_sensitivity"],
      ["two words", rex, "toyId"],
      ["rex", { ...rex, guardian_settings: {} }, "content_filter_level"],
      ["rex", { ...rex, wake_wrod: "hey rex" }, "wake_wrod"],
    ] as const;
    for (const [toyId, config, word] of wrong) await expect(server.setToy(toyId, config)).rejects.toThrow(word);
  });

  test("may have no wake word", async () => {
    await server.setToy("rex", { ...rex, wake_word: null });
    const reply = await server.call("query", "toys:getConfiguration", { deviceId: "one", toyId: "rex" }, token);
    expect(reply.body).toMatchObject({ value: { wake_word: null } });
  });

  test("that is one device's own is nobody else's", async () => {
    const other = await signIn("two", await server.register("two"));
    await server.setToy("rex", { ...rex, name: "Rexie" }, "one");
    const name = async (deviceId: string, as: string) =>
      (await server.call("query", "toys:getConfiguration", { deviceId, toyId: "rex" }, as)).body;
    expect(await name("one", token)).toMatchObject({ value: { toyId: "rex", name: "Rexie" } });
    expect(await name("two", other)).toMatchObject({ value: { toyId: "rex", name: "Rex" } });
    expect(JSON.stringify(await name("one", token))).not.toContain("deviceId");
  });
});

describe("what nobody came for", () => {
  test("is swept: tokens, addresses and recordings", async () => {
    await record();
    await server.call("mutation", "storage:generateUploadUrl", { deviceId: "one", toyId: "rex" }, token);
    const left = async () => {
      await server.t.mutation(internal.retention.sweepExpired, {});
      await server.settle();
      const rows = await server.t.run(async (ctx) => [
        (await ctx.db.query("tokens").collect()).length,
        (await ctx.db.query("uploads").collect()).length,
      ]);
      return [...rows, await server.files()].join(" ");
    };
    expect(await left()).toBe("1 2 1");
    server.wait(301);
    expect(await left()).toBe("1 1 1");
    server.wait(3300);
    expect(await left()).toBe("0 0 0");
  });

  test("is swept to its end, however much it is", async () => {
    await server.t.run(async (ctx) => {
      for (let n = 0; n < 450; n++) await ctx.db.insert("tokens", { deviceId: "two", hash: `${n}`, expiresAt: n });
    });
    await server.t.mutation(internal.retention.sweepExpired, {});
    await server.settle();
    const left = await server.t.run(async (ctx) => await ctx.db.query("tokens").collect());
    expect(left.map((row) => row.deviceId)).toEqual(["one"]);
  });
});

describe("a guardian's consent", () => {
  test("withdrawn, takes the recordings with it and leaves the words", async () => {
    for (let n = 0; n < 103; n++) {
      if (n % 40 === 0) server.wait(60);
      await say(`c${n}`, await record());
    }
    await record();
    expect(await server.files()).toBe(104);
    await server.consent("rex", false);
    expect(await server.files()).toBe(0);
    expect(await server.count("one")).toMatchObject({ conversations: 103, audio: 0 });
  });

  test("is withdrawn by a configuration that does not speak of it, too", async () => {
    await say("c1", await record());
    const { allow_uploads, ...silent } = rex.guardian_settings;
    expect(allow_uploads).toBe(true);
    await server.setToy("rex", { ...rex, guardian_settings: silent });
    expect(await server.files()).toBe(0);
    const reply = await server.call("query", "toys:getConfiguration", { deviceId: "one", toyId: "rex" }, token);
    expect(reply.body).toMatchObject({ value: { guardian_settings: { allow_uploads: false } } });
  });

  test("is one family's alone where it is given for their device", async () => {
    const other = await signIn("two", await server.register("two"));
    await say("c1", await record());
    await say("c1", await record("two", other), "two", other);
    await server.consent("rex", false, "one");
    expect(await server.count("one")).toMatchObject({ conversations: 1, audio: 0 });
    expect(await server.count("two")).toMatchObject({ conversations: 1, audio: 1 });
    await server.consent("rex", true, "one");
    await server.consent("rex", false);
    expect(await server.count("two")).toMatchObject({ audio: 0 });
    await say("c2", await record());
    expect(await server.count("one")).toMatchObject({ audio: 1 });
  });

  test("that comes and goes while the bytes are on their way leaves none of them", async () => {
    const { body } = await server.call(
      "mutation",
      "storage:generateUploadUrl",
      { deviceId: "one", toyId: "rex" },
      token,
    );
    const { url } = (body as { value: { url: string } }).value;
    const ticket = new URL(url).searchParams.get("ticket")!;
    const audio = await server.t.run(async (ctx) => await ctx.storage.store(new Blob([new Uint8Array(9)])));
    await server.consent("rex", false);
    const refusal = await server.t.mutation(internal.storage.received, { ticket, audio });
    expect(refusal).toMatchObject({ code: "CONSENT_REQUIRED" });
    expect(await server.files()).toBe(0);
  });

  test("is asked of no toy that is not there", async () => {
    await expect(server.consent("unicorn", true)).rejects.toThrow("unicorn");
  });
});

describe("an address for a recording", () => {
  test("is none of a device that was revoked since", async () => {
    const { body } = await server.call(
      "mutation",
      "storage:generateUploadUrl",
      { deviceId: "one", toyId: "rex" },
      token,
    );
    const { url } = (body as { value: { url: string } }).value;
    await server.revoke("one");
    const init = { method: "POST", headers: { "Content-Type": "audio/ogg" }, body: new Uint8Array(100) };
    const response = await server.t.fetch(url.slice(SITE.length), init);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "DEVICE_NOT_FOUND" });
  });

  test("is not made up", async () => {
    const init = { method: "POST", headers: { "Content-Type": "audio/ogg" }, body: new Uint8Array(100) };
    const toyId = await server.t.run(async (ctx) => (await ctx.db.query("toys").first())!._id);
    for (const path of ["/upload", "/upload?ticket=", "/upload?ticket=abc", `/upload?ticket=${toyId}`]) {
      expect((await server.t.fetch(path, init)).status).toBe(403);
    }
    expect(await server.files()).toBe(0);
  });
});
