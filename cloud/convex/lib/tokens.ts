import { importPKCS8, SignJWT, type JSONWebKeySet } from "jose";
import { env } from "../_generated/server";

/** How long both tokens live, in ms. */
export const TOKEN_LIFE = 3_600_000;
/** Of Convex's kinds of signature the one that every library speaks. */
export const ALGORITHM = "RS256";
/** Whom the tokens are for, so that no other service takes one. */
export const AUDIENCE = "pommai";

/** A setting of the deployment. Throws an error for whoever deployed it. */
export function setting(name: "CONVEX_SITE_URL" | "POMMAI_SIGNING_KEY" | "POMMAI_JWKS"): string {
  const value = env[name];
  if (!value) throw new Error(`the deployment has no ${name}: see cloud/README.md`);
  return value;
}

/** The public keys. The first belongs to POMMAI_SIGNING_KEY; those after it are still good for their last hour. */
export function publicKeys(): JSONWebKeySet {
  return JSON.parse(setting("POMMAI_JWKS")) as JSONWebKeySet;
}

/** A token by which Convex knows the device. `secretSince`: of the secret that it was got with. */
export async function signToken(deviceId: string, secretSince: number, now: number): Promise<string> {
  const key = await importPKCS8(setting("POMMAI_SIGNING_KEY"), ALGORITHM);
  return await new SignJWT({ secretSince })
    .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid: publicKeys().keys[0]?.kid })
    .setSubject(deviceId)
    .setIssuer(setting("CONVEX_SITE_URL"))
    .setAudience(AUDIENCE)
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(Math.floor((now + TOKEN_LIFE) / 1000))
    .sign(key);
}
