import type { AuthConfig } from "convex/server";

declare const process: { env: Record<string, string | undefined> };

/** Convex checks the tokens that auth:authenticateDevice signs, with the keys that http.ts shows. */
export default {
  providers: [
    {
      type: "customJwt",
      issuer: `${process.env.CONVEX_SITE_URL}`,
      jwks: `${process.env.CONVEX_SITE_URL}/.well-known/jwks.json`,
      applicationID: "pommai",
      algorithm: "RS256",
    },
  ],
} satisfies AuthConfig;
