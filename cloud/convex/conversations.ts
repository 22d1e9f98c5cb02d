import type { Doc, Id } from "./_generated/dataModel";
import type { MutationCtx } from "./_generated/server";
import { deviceMutation } from "./lib/access";
import { fault } from "./lib/errors";
import { isKept, keep, misfit } from "./lib/items";
import * as shapes from "./lib/shapes";
import { daysOf, rememberToy, requireConsent, toyOf } from "./lib/toys";

/** What was said and answered, with its recording where a guardian has agreed. */
export const create = deviceMutation({
  args: shapes.conversation,
  returns: shapes.kept,
  handler: async (ctx, args, device) => {
    const { toyId, id, transcript, response, timestamp, wasOffline, audioStorageId } = args;
    const toy = await toyOf(ctx, device.deviceId, toyId);
    const wrong = misfit(args);
    if (wrong !== null) throw fault("INVALID", `the conversation ${wrong}`);
    const done = { accepted: [id], rejected: [] };
    if (await isKept(ctx, "conversations", device.deviceId, id)) return done;
    const days = daysOf(toy, "conversations");
    const audio =
      audioStorageId === undefined ? undefined : await claim(ctx, toy, device.deviceId, audioStorageId, days);
    const row = { toyId, transcript, response, timestamp, wasOffline, audio };
    await keep(ctx, "conversations", device.deviceId, id, row, days);
    await rememberToy(ctx, device, toyId);
    return done;
  },
});

/** The recording that waits for this conversation. Where conversations are not kept, it is not either. */
async function claim(
  ctx: MutationCtx,
  toy: Doc<"toys">,
  deviceId: string,
  storageId: string,
  days: number,
): Promise<Id<"_storage">> {
  requireConsent(toy);
  const upload = await ctx.db
    .query("uploads")
    .withIndex("by_audio", (q) => q.eq("audio", storageId as Id<"_storage">))
    .unique();
  if (upload?.audio === undefined || upload.deviceId !== deviceId || upload.toyId !== toy.toyId) {
    throw fault("INVALID", "audioStorageId names no recording of this toy that waits for its conversation");
  }
  await ctx.db.delete(upload._id);
  if (days === 0) await ctx.storage.delete(upload.audio);
  return upload.audio;
}
