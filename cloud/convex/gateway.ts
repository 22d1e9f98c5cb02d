import { v } from "convex/values";
import { deviceOf, serviceMutation, serviceQuery } from "./lib/access";
import { fault } from "./lib/errors";
import { keep, keepAll, type Kept } from "./lib/items";
import { hashOf } from "./lib/secrets";
import * as shapes from "./lib/shapes";
import { daysOf, findToy, rememberToy, toyOf } from "./lib/toys";

/** Whether a toy that comes to a gateway's socket has a token for it, and until when (ms since 1970). */
export const checkToken = serviceQuery({
  args: shapes.tokenCheck,
  returns: v.object({ valid: v.boolean(), expiresAt: v.union(v.number(), v.null()) }),
  handler: async (ctx, { deviceId, websocketToken }) => {
    const hash = await hashOf(websocketToken);
    const token = await ctx.db
      .query("tokens")
      .withIndex("by_hash", (q) => q.eq("hash", hash))
      .unique();
    const valid = token !== null && token.deviceId === deviceId && token.expiresAt > Date.now();
    return { valid, expiresAt: valid ? token.expiresAt : null };
  },
});

/** What a toy has sent through a gateway: the items of its `sync_batch`. */
export const takeBatch = serviceMutation({
  args: shapes.syncBatch,
  returns: shapes.kept,
  handler: async (ctx, args) => {
    const { toyId, safety_events = [], conversations = [], metrics = [], logs = [] } = args;
    const device = await deviceOf(ctx, args.deviceId);
    const toy = await toyOf(ctx, device.deviceId, toyId);
    const number = safety_events.length + conversations.length + metrics.length + logs.length;
    if (number > shapes.MOST_ITEMS) {
      throw fault("INVALID", `${number} items; at most ${shapes.MOST_ITEMS} are taken at a time`);
    }
    const { deviceId } = device;
    const { synced } = shapes;
    const parts: Kept[] = [
      await keepAll("safety_events", safety_events, synced.safety_events, async (item, whole) => {
        const { id, reason, severity = "low", timestamp } = item;
        const eventType = reason.slice(0, 128);
        const row = { toyId, eventType, severity, details: JSON.stringify(whole), timestamp };
        const isUrgent = severity === "high";
        await keep(ctx, "safetyEvents", deviceId, id, { ...row, isUrgent }, daysOf(toy, "safety_events"));
      }),
      await keepAll("conversations", conversations, synced.conversations, async (item) => {
        const { id, toy_id, user_input, toy_response, timestamp, was_offline = false } = item;
        // It may be of a toy that the device was before, or of one that is no more.
        const days = daysOf(await findToy(ctx, deviceId, toy_id), "conversations");
        const said = { transcript: user_input, response: toy_response };
        const row = { toyId: toy_id, ...said, timestamp, wasOffline: was_offline };
        await keep(ctx, "conversations", deviceId, id, row, days);
      }),
      await keepAll("metrics", metrics, synced.metrics, async ({ id, ...row }) => {
        await keep(ctx, "metrics", deviceId, id, row, daysOf(toy, "metrics"));
      }),
      await keepAll("logs", logs, synced.logs, async ({ id, fields = {}, ...row }) => {
        await keep(ctx, "logs", deviceId, id, { ...row, fields: JSON.stringify(fields) }, daysOf(toy, "metrics"));
      }),
    ];
    await rememberToy(ctx, device, toyId);
    return { accepted: parts.flatMap((part) => part.accepted), rejected: parts.flatMap((part) => part.rejected) };
  },
});
