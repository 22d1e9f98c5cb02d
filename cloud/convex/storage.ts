import { v } from "convex/values";
import type { Doc } from "./_generated/dataModel";
import { internalMutation, internalQuery, type QueryCtx } from "./_generated/server";
import { deviceMutation, findLiveDevice } from "./lib/access";
import { fault, type Fault } from "./lib/errors";
import * as shapes from "./lib/shapes";
import { setting } from "./lib/tokens";
import { findToy, requireConsent, toyOf } from "./lib/toys";

/** How long an address is good, in ms. */
const ADDRESS_LIFE = 5 * 60_000;
/** How long a recording waits for its conversation, in ms. */
const RECORDING_LIFE = 60 * 60_000;

/**
 * An address for one recording. It is ours (http.ts) and not one of Convex's own, which would take anything of any size
 * from anybody who has it. Its ticket is a document's id: nobody else ever sees it, and it cannot be guessed.
 */
export const generateUploadUrl = deviceMutation({
  args: shapes.ofToy,
  returns: v.object({ url: v.string() }),
  handler: async (ctx, { toyId }, { deviceId }) => {
    requireConsent(await toyOf(ctx, deviceId, toyId));
    const ticket = await ctx.db.insert("uploads", { deviceId, toyId, expiresAt: Date.now() + ADDRESS_LIFE });
    return { url: `${setting("CONVEX_SITE_URL")}/upload?ticket=${ticket}` };
  },
});

const answer = v.union(v.null(), v.object({ code: v.string(), message: v.string() }));

/** Why a ticket admits no recording now; null when it does. */
async function refusalOf(ctx: QueryCtx, upload: Doc<"uploads"> | null): Promise<Fault | null> {
  if (upload === null || upload.audio !== undefined || upload.expiresAt <= Date.now()) {
    return fault("FORBIDDEN", "this address was used, is too old, or never was one").data;
  }
  if ((await findLiveDevice(ctx, upload.deviceId)) === null) {
    return fault("DEVICE_NOT_FOUND", "this device was revoked").data;
  }
  const toy = await findToy(ctx, upload.deviceId, upload.toyId);
  if (toy?.guardian_settings.allow_uploads === true) return null;
  return fault("CONSENT_REQUIRED", `the guardian of '${upload.toyId}' no longer agrees`).data;
}

/** Whether a recording may come: asked before its bytes are read. */
export const admits = internalQuery({
  args: { ticket: v.string() },
  returns: answer,
  handler: async (ctx, { ticket }) => {
    const id = ctx.db.normalizeId("uploads", ticket);
    return await refusalOf(ctx, id === null ? null : await ctx.db.get(id));
  },
});

/** The recording has come: let it wait for its conversation, if it still may. */
export const received = internalMutation({
  args: { ticket: v.string(), audio: v.id("_storage") },
  returns: answer,
  handler: async (ctx, { ticket, audio }) => {
    const id = ctx.db.normalizeId("uploads", ticket);
    const refusal = await refusalOf(ctx, id === null ? null : await ctx.db.get(id));
    if (refusal !== null) await ctx.storage.delete(audio);
    else if (id !== null) await ctx.db.patch(id, { audio, expiresAt: Date.now() + RECORDING_LIFE });
    return refusal;
  },
});
