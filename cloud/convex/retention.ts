/** What is kept no longer than it should be: crons.ts says how often these run. */
import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalMutation, type MutationCtx } from "./_generated/server";
import { findDevice } from "./lib/access";
import { daysOf, daysOfFigures, findToy } from "./lib/toys";

/** Rows that go at a time: Convex allows no mutation without end. */
const PAGE = 200;
const DAY = 86_400_000;

/** Tokens whose hour is over, addresses that nobody used, and recordings whose conversation never came. */
export const sweepExpired = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const now = Date.now();
    const tokens = await ctx.db
      .query("tokens")
      .withIndex("by_end", (q) => q.lte("expiresAt", now))
      .take(PAGE);
    const uploads = await ctx.db
      .query("uploads")
      .withIndex("by_end", (q) => q.lte("expiresAt", now))
      .take(PAGE);
    for (const token of tokens) await ctx.db.delete(token._id);
    for (const upload of uploads) {
      if (upload.audio !== undefined) await ctx.storage.delete(upload.audio);
      await ctx.db.delete(upload._id);
    }
    if (Math.max(tokens.length, uploads.length) === PAGE) {
      await ctx.scheduler.runAfter(0, internal.retention.sweepExpired, {});
    }
    return null;
  },
});

/** Every device, revoked ones too: what it has sent, and is older than its guardian wants it kept. */
export const sweep = internalMutation({
  args: { cursor: v.optional(v.string()) },
  returns: v.null(),
  handler: async (ctx, { cursor = null }) => {
    const devices = await ctx.db.query("devices").paginate({ cursor, numItems: PAGE });
    for (const { deviceId } of devices.page) {
      await ctx.scheduler.runAfter(0, internal.retention.sweepDevice, { deviceId });
    }
    if (!devices.isDone) {
      await ctx.scheduler.runAfter(0, internal.retention.sweep, { cursor: devices.continueCursor });
    }
    return null;
  },
});

/** The same for one device. */
export const sweepDevice = internalMutation({
  args: { deviceId: v.string() },
  returns: v.null(),
  handler: async (ctx, { deviceId }) => {
    const device = await findDevice(ctx, deviceId);
    if (device === null) return null;
    const full = [
      await sweepToys(ctx, deviceId, "conversations"),
      await sweepToys(ctx, deviceId, "safetyEvents"),
      await sweepFigures(ctx, deviceId, "metrics", await daysOfFigures(ctx, device)),
      await sweepFigures(ctx, deviceId, "logs", await daysOfFigures(ctx, device)),
    ].includes(true);
    if (full) await ctx.scheduler.runAfter(0, internal.retention.sweepDevice, { deviceId });
    return null;
  },
});

/** When what is kept so many days must have come, in ms since 1970. */
const since = (days: number) => Date.now() - days * DAY;

/** What names a toy goes when that toy's guardian says so. Whether there may be more of it. */
async function sweepToys(
  ctx: MutationCtx,
  deviceId: string,
  table: "conversations" | "safetyEvents",
): Promise<boolean> {
  const kind = table === "conversations" ? "conversations" : "safety_events";
  let toyId = "";
  for (;;) {
    const next = await ctx.db
      .query(table)
      .withIndex("by_toy", (q) => q.eq("deviceId", deviceId).gt("toyId", toyId))
      .first();
    if (next === null) return false;
    toyId = next.toyId;
    const before = since(daysOf(await findToy(ctx, deviceId, toyId), kind));
    const old = await ctx.db
      .query(table)
      .withIndex("by_toy", (q) => q.eq("deviceId", deviceId).eq("toyId", toyId).lt("_creationTime", before))
      .take(PAGE);
    for (const row of old) {
      if ("audio" in row && row.audio !== undefined) await ctx.storage.delete(row.audio);
      await ctx.db.delete(row._id);
    }
    if (old.length === PAGE) return true;
  }
}

async function sweepFigures(
  ctx: MutationCtx,
  deviceId: string,
  table: "metrics" | "logs",
  days: number,
): Promise<boolean> {
  const old = await ctx.db
    .query(table)
    .withIndex("by_device", (q) => q.eq("deviceId", deviceId).lt("_creationTime", since(days)))
    .take(PAGE);
  for (const row of old) await ctx.db.delete(row._id);
  return old.length === PAGE;
}
