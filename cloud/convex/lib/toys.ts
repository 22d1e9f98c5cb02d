import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { ObjectType } from "convex/values";
import { fault } from "./errors";
import type { config } from "./shapes";

/** How many days are kept where a guardian has said nothing: as the toy itself does. Logs are kept as metrics are. */
const DAYS = { conversations: 30, safety_events: 90, metrics: 7 };
export type Kind = keyof typeof DAYS;
/** That anything is kept. */
const MOST_DAYS = 3650;

export type Config = ObjectType<typeof config>;

/** What a toy would not understand, or nobody means; null where all is well. Types were looked at before. */
export function faultOfConfig(toyId: string, config: Config): string | null {
  const between = (least: number, most: number) => (value: number | undefined) =>
    value === undefined || (value >= least && value <= most);
  const { voice_settings: voice, guardian_settings: guardian } = config;
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(toyId)) return "a toyId is 1 to 128 letters, digits, - and _";
  if (config.name.trim() === "") return "name says what the toy calls itself: it cannot be empty";
  if (![voice.speed, voice.pitch].every(between(0.5, 2))) return "speed and pitch of voice_settings are 0.5 to 2";
  if (!between(0, 1)(config.wake_sensitivity)) return "wake_sensitivity is 0 to 1";
  const days = Object.values(guardian.retention_days ?? {});
  const whole = days.every((count) => Number.isInteger(count) && between(0, MOST_DAYS)(count));
  return whole ? null : `retention_days are whole numbers of 0 to ${MOST_DAYS}`;
}

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
