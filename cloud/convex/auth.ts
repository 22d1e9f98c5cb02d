import { v } from "convex/values";
import { internal } from "./_generated/api";
import { action, internalMutation } from "./_generated/server";
import { findLiveDevice } from "./lib/access";
import { readArguments } from "./lib/check";
import { fault } from "./lib/errors";
import { hashOf, newSecret, sameHash } from "./lib/secrets";
import * as shapes from "./lib/shapes";
import { signToken, TOKEN_LIFE } from "./lib/tokens";

/** Tokens of one device that are good at a time. With one more, the oldest goes. */
const MOST_TOKENS = 10;

/** A device shows its secret, and gets a token for these functions and one for a gateway's socket. */
export const authenticateDevice = action({
  args: v.any(),
  returns: v.object({
    convexToken: v.string(),
    websocketToken: v.string(),
    expiresAt: v.number(),
    serverTime: v.number(),
  }),
  handler: async (
    ctx,
    raw,
  ): Promise<Record<"convexToken" | "websocketToken", string> & Record<"expiresAt" | "serverTime", number>> => {
    const { deviceId, deviceSecret } = readArguments(shapes.signIn, raw);
    const serverTime = Date.now();
    const expiresAt = serverTime + TOKEN_LIFE;
    const websocketToken = newSecret();
    const secretSince: number | null = await ctx.runMutation(internal.auth.admit, {
      deviceId,
      secretHash: await hashOf(deviceSecret),
      tokenHash: await hashOf(websocketToken),
      expiresAt,
    });
    if (secretSince === null) throw fault("AUTH_FAILED", "there is no such device, or its secret is another");
    const convexToken = await signToken(deviceId, secretSince, serverTime);
    return { convexToken, websocketToken, expiresAt, serverTime };
  },
});

/** Remember a device's new token if the secret is its own: when it got that. Null to any other. */
export const admit = internalMutation({
  args: { deviceId: v.string(), secretHash: v.string(), tokenHash: v.string(), expiresAt: v.number() },
  returns: v.union(v.number(), v.null()),
  handler: async (ctx, args) => {
    const device = await findLiveDevice(ctx, args.deviceId);
    // A stranger's secret is compared, too, so that the answer takes as long.
    const same = sameHash(args.secretHash, device?.secretHash ?? "0".repeat(64));
    if (device === null || !same) return null;
    const tokens = await ctx.db
      .query("tokens")
      .withIndex("by_device", (q) => q.eq("deviceId", device.deviceId))
      .collect();
    for (const token of tokens.slice(0, Math.max(0, tokens.length - MOST_TOKENS + 1))) await ctx.db.delete(token._id);
    await ctx.db.insert("tokens", { deviceId: device.deviceId, hash: args.tokenHash, expiresAt: args.expiresAt });
    return device.secretSince;
  },
});
