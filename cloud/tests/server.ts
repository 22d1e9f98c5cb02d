/** A deployment in miniature: Convex's functions by `convex-test`, and in front of them what Convex's HTTP API does. */
import { convexTest, type TestConvex } from "convex-test";
import { makeFunctionReference, type FunctionReference } from "convex/server";
import { ConvexError, convexToJson, jsonToConvex, type JSONValue } from "convex/values";
import { createLocalJWKSet, exportJWK, exportPKCS8, generateKeyPair, jwtVerify, type JSONWebKeySet } from "jose";
import { vi } from "vitest";
import { internal } from "../convex/_generated/api";
import { hashOf } from "../convex/lib/secrets";
import schema from "../convex/schema";

const modules = import.meta.glob("../convex/**/*.{ts,js}");

export const SITE = "https://happy-toy-123.convex.site";
export const SERVICE_KEY = "the-key-of-all-gateways";

export type Kind = "query" | "mutation" | "action";
export type Reply = { http: number; body: JSONValue };
type Handler = { isPublic?: boolean; isQuery?: boolean; isMutation?: boolean; isAction?: boolean };

/** A key pair of the kind that tools/keys.mjs makes. */
export async function makeKeys(kid: string): Promise<{ signing: string; jwks: JSONWebKeySet }> {
  const pair = await generateKeyPair("RS256", { extractable: true });
  const jwk = await exportJWK(pair.publicKey);
  return { signing: await exportPKCS8(pair.privateKey), jwks: { keys: [{ ...jwk, kid, alg: "RS256", use: "sig" }] } };
}

const keys = makeKeys("first");

/** Set the deployment's environment, and tell it. */
export async function setEnvironment(changes: Record<string, string> = {}) {
  const { signing, jwks } = await keys;
  const all = {
    CONVEX_SITE_URL: SITE,
    POMMAI_SIGNING_KEY: signing,
    POMMAI_JWKS: JSON.stringify(jwks),
    POMMAI_SERVICE_KEY_HASH: await hashOf(SERVICE_KEY),
    ...changes,
  };
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value);
  return all;
}

export class Server {
  readonly t: TestConvex<typeof schema> = convexTest(schema, modules);

  /** A fresh one, whose clock `wait` turns. */
  static async start(): Promise<Server> {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    await setEnvironment();
    return new Server();
  }

  wait(seconds: number): void {
    vi.setSystemTime(Date.now() + seconds * 1000);
  }

  /** `POST /api/<kind>`, as Convex answers it. */
  async call(kind: Kind, path: string, args: JSONValue, token?: string): Promise<Reply> {
    const identity = token === undefined ? undefined : await this.identityOf(token);
    if (identity === null) {
      return { http: 401, body: { code: "Unauthenticated", message: "Could not verify OIDC token claim." } };
    }
    await this.mustBePublic(kind, path);
    const caller = identity === undefined ? this.t : this.t.withIdentity(identity);
    try {
      const sent = jsonToConvex(JSON.parse(JSON.stringify(args)) as JSONValue) as Record<string, never>;
      const value = await (caller[kind] as (f: FunctionReference<Kind>, a: typeof sent) => Promise<never>)(
        makeFunctionReference<Kind>(path),
        sent,
      );
      return { http: 200, body: { status: "success", value: convexToJson(value), logLines: [] } };
    } catch (error) {
      if (!(error instanceof ConvexError)) throw error;
      const data: JSONValue =
        typeof error.data === "string" ? JSON.parse(error.data) : convexToJson(error.data as never);
      const errorMessage = `Uncaught ConvexError: ${JSON.stringify(data)}`;
      return { http: 560, body: { status: "error", errorMessage, errorData: data, logLines: [] } };
    }
  }

  /** What Convex does with a token, by auth.config.ts: the claims when it is good, null when it is not. */
  async identityOf(token: string) {
    const { default: config } = await import("../convex/auth.config"); // read when the environment is set
    const [provider] = config.providers;
    const address = new URL(provider!.jwks);
    if (address.origin !== SITE) throw new Error(`the keys are looked for at ${address.origin}`);
    const shown = await this.t.fetch(address.pathname);
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet((await shown.json()) as JSONWebKeySet), {
        issuer: provider!.issuer,
        audience: provider!.applicationID,
        algorithms: [provider!.algorithm],
        typ: "JWT",
        requiredClaims: ["sub", "iss", "aud", "exp", "iat"],
      });
      const { sub, iss, aud, exp, iat, ...claims } = payload;
      return {
        ...(claims as Record<string, JSONValue>),
        subject: sub!,
        issuer: iss!,
        tokenIdentifier: `${iss}|${sub}`,
      };
    } catch {
      return null;
    }
  }

  private async mustBePublic(kind: Kind, path: string): Promise<void> {
    const [file, name] = path.split(":");
    const loaded = (await modules[`../convex/${file}.ts`]?.()) as Record<string, Handler> | undefined;
    const handler = loaded?.[name!];
    const flag = { query: "isQuery", mutation: "isMutation", action: "isAction" } as const;
    if (!handler?.isPublic || !handler[flag[kind]]) throw new Error(`there is no public ${kind} ${path}`);
  }

  // -- what operators do --------------------------------------------------------------------------------------------

  async register(deviceId: string): Promise<string> {
    return (await this.t.action(internal.devices.register, { deviceId })).deviceSecret;
  }

  async rotate(deviceId: string): Promise<string> {
    return (await this.t.action(internal.devices.rotate, { deviceId })).deviceSecret;
  }

  async revoke(deviceId: string): Promise<void> {
    await this.t.mutation(internal.devices.revoke, { deviceId });
  }

  async setToy(toyId: string, config: unknown, deviceId?: string): Promise<void> {
    await this.t.mutation(internal.toys.setConfiguration, { toyId, deviceId, config: config as never });
    await this.settle();
  }

  async consent(toyId: string, allow: boolean, deviceId?: string): Promise<void> {
    await this.t.mutation(internal.toys.setConsent, { toyId, deviceId, allow });
    await this.settle();
  }

  /** Let what was scheduled for now run. */
  async settle(): Promise<void> {
    await this.t.finishAllScheduledFunctions(() => vi.advanceTimersByTime(1));
  }

  /** How much is kept of a device. */
  async count(deviceId: string): Promise<Record<string, number>> {
    return await this.t.run(async (ctx) => {
      const of = <T extends { deviceId: string }>(rows: T[]) => rows.filter((row) => row.deviceId === deviceId);
      const conversations = of(await ctx.db.query("conversations").collect());
      const waiting = of(await ctx.db.query("uploads").collect());
      const recordings = [...conversations, ...waiting].map((row) => row.audio).filter((audio) => audio !== undefined);
      const stored = await Promise.all(recordings.map((audio) => ctx.db.system.get(audio)));
      return {
        conversations: conversations.length,
        safety_events: of(await ctx.db.query("safetyEvents").collect()).length,
        metrics: of(await ctx.db.query("metrics").collect()).length,
        logs: of(await ctx.db.query("logs").collect()).length,
        audio: stored.filter((file) => file !== null).length,
      };
    });
  }

  /** Files of the deployment, whoever they belong to. */
  async files(): Promise<number> {
    return await this.t.run(async (ctx) => (await ctx.db.system.query("_storage").collect()).length);
  }
}
