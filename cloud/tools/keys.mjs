/**
 * Makes the keys of a deployment and prints them as `npx convex env set` reads them; the key that gateways show, of which
 * the deployment gets the hash alone, goes to the terminal beside it.
 *
 *     node tools/keys.mjs | npx convex env set
 */
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";

const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const { kty, n, e } = pair.publicKey.export({ format: "jwk" });
const kid = createHash("sha256").update(JSON.stringify({ e, kty, n })).digest("base64url"); // RFC 7638
const jwks = { keys: [{ kty, n, e, kid, alg: "RS256", use: "sig" }] };
const signing = pair.privateKey.export({ type: "pkcs8", format: "pem" }).trim().replaceAll("\n", " ");
const service = randomBytes(32).toString("hex");

console.log(`POMMAI_SIGNING_KEY="${signing}"`);
console.log(`POMMAI_JWKS='${JSON.stringify(jwks)}'`);
console.log(`POMMAI_SERVICE_KEY_HASH=${createHash("sha256").update(service).digest("hex")}`);
console.error(`The gateways' service key, shown this once: ${service}`);
