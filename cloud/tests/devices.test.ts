/** What operators do with devices and tokens, and what no HTTP call shows. */
import { decodeJwt, decodeProtectedHeader, SignJWT, importPKCS8 } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { internal } from "../convex/_generated/api";
import { hashOf, sameHash } from "../convex/lib/secrets";
import { makeKeys, Server, setEnvironment, SITE } from "./server";

let server: Server;

beforeEach(async () => {
  server = await Server.start();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

type Tokens = { convexToken: string; websocketToken: string; expiresAt: number };

async function signIn(deviceId: string, deviceSecret: string): Promise<Tokens> {
  const reply = await server.call("action", "auth:authenticateDevice", { deviceId, deviceSecret });
  expect(reply.http, JSON.stringify(reply.body)).toBe(200);
  return (reply.body as { value: Tokens }).value;
}

describe("a device", () => {
  test("gets a long random secret, and another one each time", async () => {
    const secrets = [await server.register("one"), await server.register("two"), await server.rotate("two")];
    for (const secret of secrets) expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(secrets).size).toBe(3);
  });

  test("is registered once, also when it was revoked since", async () => {
    await server.register("one");
    await expect(server.register("one")).rejects.toThrow("devices:rotate");
    await server.revoke("one");
    await expect(server.register("one")).rejects.toThrow("or was one");
    await expect(server.rotate("one")).rejects.toThrow("it was revoked");
    await expect(server.revoke("one")).rejects.toThrow("it was revoked");
  });

  test("has a name that fits into a header", async () => {
    for (const name of ["", "two words", "a\nb", "x".repeat(129), "../one"]) {
      await expect(server.register(name)).rejects.toThrow("1 to 128 letters");
    }
    await server.register("b8:27:eb:00:00:01");
  });

  test("leaves neither its secret nor a token in the database", async () => {
    const secret = await server.register("one");
    const { convexToken, websocketToken } = await signIn("one", secret);
    const rows = await server.t.run(async (ctx) => [
      ...(await ctx.db.query("devices").collect()),
      ...(await ctx.db.query("tokens").collect()),
    ]);
    const everything = JSON.stringify(rows);
    for (const text of [secret, convexToken, websocketToken]) expect(everything).not.toContain(text);
    expect(everything).toContain(await hashOf(secret));
    expect(everything).toContain(await hashOf(websocketToken));
  });

  test("that is revoked leaves no hash of them either", async () => {
    const secret = await server.register("one");
    const { websocketToken } = await signIn("one", secret);
    await server.revoke("one");
    const rows = await server.t.run(async (ctx) => [
      ...(await ctx.db.query("devices").collect()),
      ...(await ctx.db.query("tokens").collect()),
    ]);
    for (const text of [secret, websocketToken]) expect(JSON.stringify(rows)).not.toContain(await hashOf(text));
  });

  test("has ten tokens at a time, the newest", async () => {
    const secret = await server.register("one");
    const tokens = [];
    for (let count = 0; count < 12; count++) tokens.push((await signIn("one", secret)).websocketToken);
    const kept = await server.t.run(async (ctx) => (await ctx.db.query("tokens").collect()).map((row) => row.hash));
    expect(kept).toEqual(await Promise.all(tokens.slice(2).map(hashOf)));
  });

  test("makes a hundred calls a minute, and hears when it may go on", async () => {
    const secret = await server.register("one");
    const { convexToken } = await signIn("one", secret);
    vi.setSystemTime(Math.ceil(Date.now() / 60_000) * 60_000 + 15_000);
    const call = () =>
      server.call("mutation", "logs:create", { deviceId: "one", timestamp: "2026-03-01", logs: [] }, convexToken);
    for (let count = 0; count < 100; count++) expect((await call()).http).toBe(200);
    const refused = await call();
    expect(refused.http).toBe(560);
    expect(refused.body).toMatchObject({ errorData: { code: "RATE_LIMITED", retryAfter: 45 } });
    server.wait(45);
    expect((await call()).http).toBe(200);
  });
});

describe("a device's token", () => {
  test("says who it is, for whom and for how long, and nothing else", async () => {
    const secret = await server.register("one");
    const { convexToken, expiresAt } = await signIn("one", secret);
    const claims = decodeJwt(convexToken);
    expect(Object.keys(claims).sort()).toEqual(["aud", "exp", "iat", "iss", "secretSince", "sub"]);
    expect(claims).toMatchObject({ sub: "one", iss: SITE, aud: "pommai", exp: Math.floor(expiresAt / 1000) });
    expect(claims.exp! - claims.iat!).toBe(3600);
    expect(decodeProtectedHeader(convexToken)).toEqual({ alg: "RS256", typ: "JWT", kid: "first" });
  });

  test("is checked with public keys alone, which anybody may see", async () => {
    const shown = await server.t.fetch("/.well-known/jwks.json");
    expect(shown.status).toBe(200);
    const { keys } = (await shown.json()) as { keys: Record<string, string>[] };
    expect(keys.map((key) => Object.keys(key).sort())).toEqual([["alg", "e", "kid", "kty", "n", "use"]]);
  });

  test("is still good when the deployment has got another key, which signs the next", async () => {
    const secret = await server.register("one");
    const before = (await signIn("one", secret)).convexToken;
    const old = JSON.parse((await (await server.t.fetch("/.well-known/jwks.json")).text()) as string);
    const { signing, jwks } = await makeKeys("second");
    await setEnvironment({
      POMMAI_SIGNING_KEY: signing,
      POMMAI_JWKS: JSON.stringify({ keys: [...jwks.keys, ...old.keys] }),
    });
    const after = (await signIn("one", secret)).convexToken;
    expect(decodeProtectedHeader(after).kid).toBe("second");
    expect(await server.identityOf(before)).toMatchObject({ subject: "one" });
    expect(await server.identityOf(after)).toMatchObject({ subject: "one" });
  });

  test("that another has signed, or that is for another, is none", async () => {
    await server.register("one");
    const { signing } = await makeKeys("first");
    const sign = async (pem: string, audience: string, issuer: string) =>
      await new SignJWT({ secretSince: Date.now() })
        .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: "first" })
        .setSubject("one")
        .setAudience(audience)
        .setIssuer(issuer)
        .setIssuedAt()
        .setExpirationTime("1h")
        .sign(await importPKCS8(pem, "RS256"));
    const own = (await setEnvironment()).POMMAI_SIGNING_KEY;
    expect(await server.identityOf(await sign(own, "pommai", SITE))).not.toBeNull();
    expect(await server.identityOf(await sign(signing, "pommai", SITE))).toBeNull();
    expect(await server.identityOf(await sign(own, "somebody", SITE))).toBeNull();
    expect(await server.identityOf(await sign(own, "pommai", "https://elsewhere.example"))).toBeNull();
  });

  test("is signed by nobody where a key is missing, and the operator is told", async () => {
    const secret = await server.register("one");
    await setEnvironment({ POMMAI_SIGNING_KEY: "" });
    await expect(signIn("one", secret)).rejects.toThrow("the deployment has no POMMAI_SIGNING_KEY");
  });
});

describe("hashes", () => {
  test("are the same only when all of them is", () => {
    expect(sameHash("abc", "abc")).toBe(true);
    for (const other of ["abd", "xbc", "ab", "abcd", "", "ABC"]) expect(sameHash("abc", other)).toBe(false);
    expect(sameHash("", "abc")).toBe(false);
  });

  test("are no secrets: a hash shown as the secret opens nothing", async () => {
    const secret = await server.register("one");
    const args = { deviceId: "one", deviceSecret: await hashOf(secret) };
    expect(await server.call("action", "auth:authenticateDevice", args)).toMatchObject({
      body: { errorData: { code: "AUTH_FAILED" } },
    });
  });

  test("that are empty admit nobody: neither of a revoked device nor of a deployment without service key", async () => {
    await server.register("one");
    await server.revoke("one");
    const admitted = await server.t.mutation(internal.auth.admit, {
      deviceId: "one",
      secretHash: "",
      tokenHash: "",
      expiresAt: 0,
    });
    expect(admitted).toBeNull();
    await setEnvironment({ POMMAI_SERVICE_KEY_HASH: "" });
    const args = { serviceKey: "", deviceId: "one", websocketToken: "" };
    expect(await server.call("query", "gateway:checkToken", args)).toMatchObject({
      body: { errorData: { code: "FORBIDDEN", message: expect.stringContaining("POMMAI_SERVICE_KEY_HASH") } },
    });
  });
});
