import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { fault } from "./errors";

/** How many days are kept where a guardian has said nothing: as the toy itself does. Logs are kept as metrics are. */
const DAYS = { conversations: 30, safety_events: 90, metrics: 7 };
export type Kind = keyof typeof DAYS;

/** A toy as a device knows it: its own, or else the one that all have. */
export async function findToy(ctx: QueryCtx, deviceId: string | undefined, toyId: string): Promise<Doc<"toys"> | null> {
  for (const owner of deviceId === undefined ? [undefined] : [deviceId, undefined]) {
    const toy = await ctx.db
      .query("toys")
      .withIndex("by_toy", (q) => q.eq("toyId", toyId).eq("deviceId", owner))
      .unique();
    if (toy !== null) return toy;
  }
  return null;
}

/** The same; throws TOY_NOT_FOUND. */
export async function toyOf(ctx: QueryCtx, deviceId: string | undefined, toyId: string): Promise<Doc<"toys">> {
  const toy = await findToy(ctx, deviceId, toyId);
  if (toy === null) throw fault("TOY_NOT_FOUND", `there is no toy called '${toyId.slice(0, 64)}'`);
  return toy;
}

/** Whether a guardian has agreed that recordings of this toy are stored. */
export function agreed(toy: Doc<"toys"> | null): boolean {
  return toy?.guardian_settings.allow_uploads === true;
}

/** Throws CONSENT_REQUIRED. */
export function requireConsent(toy: Doc<"toys">): void {
  if (!agreed(toy)) {
    throw fault("CONSENT_REQUIRED", `the guardian of '${toy.toyId}' has not agreed that its recordings are stored`);
  }
}

/** How many days what a toy sends is kept. */
export function daysOf(toy: Doc<"toys"> | null, kind: Kind): number {
  return toy?.guardian_settings.retention_days?.[kind] ?? DAYS[kind];
}

/** Remember which toy a device is. */
export async function rememberToy(ctx: MutationCtx, device: Doc<"devices">, toyId: string): Promise<void> {
  if (device.toyId !== toyId) await ctx.db.patch(device._id, { toyId });
}

/** How many days the figures and logs of a device are kept, which name no toy: as its last toy's guardian wants it. */
export async function daysOfFigures(ctx: QueryCtx, device: Doc<"devices">): Promise<number> {
  return daysOf(device.toyId === undefined ? null : await findToy(ctx, device.deviceId, device.toyId), "metrics");
}
