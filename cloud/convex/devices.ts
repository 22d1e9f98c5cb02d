/** For operators: `npx convex run devices:register '{"deviceId": "..."}'`. No toy can call these. */
import { ConvexError, v } from "convex/values";
import { internal } from "./_generated/api";
import { internalAction, internalMutation, type MutationCtx } from "./_generated/server";
import { findDevice, findLiveDevice } from "./lib/access";
import { hashOf, newSecret } from "./lib/secrets";

const named = { deviceId: v.string() };
const withSecret = v.object({ deviceId: v.string(), deviceSecret: v.string() });
type WithSecret = { deviceId: string; deviceSecret: string };

/** Make a device known. Its secret is shown this once, and kept nowhere: put it on the device now. */
export const register = internalAction({
  args: named,
  returns: withSecret,
  handler: async (ctx, { deviceId }): Promise<WithSecret> => {
    if (!/^[A-Za-z0-9_.:-]{1,128}$/.test(deviceId)) {
      throw new ConvexError("a device is called by 1 to 128 letters, digits, - _ . and :");
    }
    const deviceSecret = newSecret();
    await ctx.runMutation(internal.devices.add, { deviceId, secretHash: await hashOf(deviceSecret) });
    return { deviceId, deviceSecret };
  },
});

/** Give a device another secret. The one before and all tokens are good no more; what it sent stays. */
export const rotate = internalAction({
  args: named,
  returns: withSecret,
  handler: async (ctx, { deviceId }): Promise<WithSecret> => {
    const deviceSecret = newSecret();
    await ctx.runMutation(internal.devices.change, { deviceId, secretHash: await hashOf(deviceSecret) });
    return { deviceId, deviceSecret };
  },
});

/** Shut a device out, at once and for good; what it sent stays as long as its guardian wants. */
export const revoke = internalMutation({
  args: named,
  returns: v.null(),
  handler: async (ctx, { deviceId }) => {
    const device = await findLiveDevice(ctx, deviceId);
    if (device === null) throw new ConvexError(`there is no device '${deviceId}', or it was revoked before`);
    await ctx.db.patch(device._id, { revokedAt: Date.now(), secretHash: "" });
    await forgetTokens(ctx, deviceId);
    return null;
  },
});

export const add = internalMutation({
  args: { ...named, secretHash: v.string() },
  returns: v.null(),
  handler: async (ctx, { deviceId, secretHash }) => {
    if ((await findDevice(ctx, deviceId)) !== null) {
      throw new ConvexError(`there is a device '${deviceId}', or was one: for another secret, use devices:rotate`);
    }
    await ctx.db.insert("devices", { deviceId, secretHash, secretSince: Date.now() });
    return null;
  },
});

export const change = internalMutation({
  args: { ...named, secretHash: v.string() },
  returns: v.null(),
  handler: async (ctx, { deviceId, secretHash }) => {
    const device = await findLiveDevice(ctx, deviceId);
    if (device === null) throw new ConvexError(`there is no device '${deviceId}', or it was revoked`);
    await ctx.db.patch(device._id, { secretHash, secretSince: Math.max(Date.now(), device.secretSince + 1) });
    await forgetTokens(ctx, deviceId);
    return null;
  },
});

async function forgetTokens(ctx: MutationCtx, deviceId: string): Promise<void> {
  const tokens = await ctx.db
    .query("tokens")
    .withIndex("by_device", (q) => q.eq("deviceId", deviceId))
    .collect();
  for (const token of tokens) await ctx.db.delete(token._id);
}
