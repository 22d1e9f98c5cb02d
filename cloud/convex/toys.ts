import { v } from "convex/values";
import { internal } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { internalMutation, type MutationCtx } from "./_generated/server";
import { deviceQuery } from "./lib/access";
import { fault } from "./lib/errors";
import * as shapes from "./lib/shapes";
import { agreed, faultOfConfig, findToy, toyOf } from "./lib/toys";

/** Rows that are looked at in one go. */
const PAGE = 100;

/** Who a toy is. */
export const getConfiguration = deviceQuery({
  args: shapes.ofToy,
  returns: v.object({ toyId: v.string(), ...shapes.config }),
  handler: async (ctx, { toyId }, device) => {
    const { _id, _creationTime, deviceId, ...config } = await toyOf(ctx, device.deviceId, toyId);
    const settings = config.guardian_settings;
    return { ...config, guardian_settings: { ...settings, allow_uploads: settings.allow_uploads === true } };
  },
});

/** Make a toy, or make it another. With `deviceId`, it is so for this device alone. */
export const setConfiguration = internalMutation({
  args: { toyId: v.string(), deviceId: v.optional(v.string()), config: v.object(shapes.config) },
  returns: v.null(),
  handler: async (ctx, { toyId, deviceId, config }) => {
    const wrong = faultOfConfig(toyId, config);
    if (wrong !== null) throw fault("INVALID", wrong);
    const found = await ctx.db
      .query("toys")
      .withIndex("by_toy", (q) => q.eq("toyId", toyId).eq("deviceId", deviceId))
      .unique();
    if (found === null) await ctx.db.insert("toys", { toyId, deviceId, ...config });
    else await ctx.db.replace(found._id, { toyId, deviceId, ...config });
    await forgetRefused(ctx, toyId);
    return null;
  },
});

/** A guardian agrees, or no longer does, that a toy's recordings are stored. With `deviceId`: of this device's alone. */
export const setConsent = internalMutation({
  args: { toyId: v.string(), deviceId: v.optional(v.string()), allow: v.boolean() },
  returns: v.null(),
  handler: async (ctx, { toyId, deviceId, allow }) => {
    const { _id, _creationTime, ...toy } = await toyOf(ctx, deviceId, toyId);
    const changed = { ...toy, deviceId, guardian_settings: { ...toy.guardian_settings, allow_uploads: allow } };
    if (toy.deviceId === deviceId) await ctx.db.replace(_id, changed);
    else await ctx.db.insert("toys", changed);
    await forgetRefused(ctx, toyId);
    return null;
  },
});

/** Delete what was recorded while a guardian had agreed, where that is no longer so. Nobody can use it any more anyhow. */
async function forgetRefused(ctx: MutationCtx, toyId: string): Promise<void> {
  for (const table of ["uploads", "conversations"] as const) {
    await ctx.scheduler.runAfter(0, internal.toys.forgetAudio, { toyId, table, cursor: null });
  }
}

/** Delete the recordings whose guardian does not agree, a page at a time. The words of conversations stay. */
export const forgetAudio = internalMutation({
  args: {
    toyId: v.string(),
    table: v.union(v.literal("uploads"), v.literal("conversations")),
    cursor: v.union(v.string(), v.null()),
  },
  returns: v.null(),
  handler: async (ctx, { toyId, table, cursor }) => {
    const found = await ctx.db
      .query(table)
      .withIndex("by_audio_of_toy", (q) => q.eq("toyId", toyId).gt("audio", undefined))
      .paginate({ cursor, numItems: PAGE });
    for (const { _id, deviceId, audio } of found.page) {
      if (audio === undefined || agreed(await findToy(ctx, deviceId, toyId))) continue;
      await ctx.storage.delete(audio);
      if (table === "uploads") await ctx.db.delete(_id);
      else await ctx.db.patch(_id as Id<"conversations">, { audio: undefined });
    }
    if (!found.isDone) {
      await ctx.scheduler.runAfter(0, internal.toys.forgetAudio, { toyId, table, cursor: found.continueCursor });
    }
    return null;
  },
});
