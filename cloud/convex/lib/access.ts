/** Who may call: builders of the functions that toys and gateways call, each of which sees a device that is known. */
import { v, type GenericValidator, type Infer, type ObjectType, type PropertyValidators } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import { env, mutation, query, type MutationCtx, type QueryCtx } from "../_generated/server";
import { readArguments } from "./check";
import { fault } from "./errors";
import { hashOf, sameHash } from "./secrets";

/** Of one device in a minute: what the wire allows beside audio. */
const CALLS_PER_MINUTE = 100;
const MINUTE = 60_000;

type Reader<Fields extends PropertyValidators, Value> = (
  ctx: QueryCtx,
  args: ObjectType<Fields>,
  device: Doc<"devices">,
) => Promise<Value>;
type Writer<Fields extends PropertyValidators, Value> = (
  ctx: MutationCtx,
  args: ObjectType<Fields>,
  device: Doc<"devices">,
) => Promise<Value>;
type Definition<Fields, Returns, Handler> = { args: Fields; returns: Returns; handler: Handler };
type WithDevice = PropertyValidators & { deviceId: GenericValidator };
type WithKey = PropertyValidators & { serviceKey: GenericValidator };

export async function findDevice(ctx: QueryCtx, deviceId: string): Promise<Doc<"devices"> | null> {
  return await ctx.db
    .query("devices")
    .withIndex("by_device", (q) => q.eq("deviceId", deviceId))
    .unique();
}

/** A device that was not revoked, or null. */
export async function findLiveDevice(ctx: QueryCtx, deviceId: string): Promise<Doc<"devices"> | null> {
  const device = await findDevice(ctx, deviceId);
  return device === null || device.revokedAt !== undefined ? null : device;
}

/** The same; throws DEVICE_NOT_FOUND. */
export async function deviceOf(ctx: QueryCtx, deviceId: string): Promise<Doc<"devices">> {
  const device = await findLiveDevice(ctx, deviceId);
  if (device === null) throw fault("DEVICE_NOT_FOUND", "this device was revoked, or never registered");
  return device;
}

async function signedIn<Fields extends WithDevice>(ctx: QueryCtx, fields: Fields, raw: unknown) {
  const identity = await ctx.auth.getUserIdentity();
  if (identity === null) throw fault("UNAUTHENTICATED", "this call needs the token of a device");
  const args = readArguments(fields, raw);
  if (identity.subject !== (args as unknown as { deviceId: string }).deviceId)
    throw fault("FORBIDDEN", "this token is another device's");
  const device = await deviceOf(ctx, identity.subject);
  if (String(identity.secretSince) !== String(device.secretSince)) {
    throw fault("UNAUTHENTICATED", "this token was got with a secret that is no longer good");
  }
  return { args, device };
}

/** Throws RATE_LIMITED when a device calls too often; calls that fail are not counted. */
async function countCall(ctx: MutationCtx, deviceId: string): Promise<void> {
  const now = Date.now();
  const minute = Math.floor(now / MINUTE);
  const calls = await ctx.db
    .query("calls")
    .withIndex("by_device", (q) => q.eq("deviceId", deviceId))
    .unique();
  if (calls === null) {
    await ctx.db.insert("calls", { deviceId, minute, count: 1 });
  } else if (calls.minute !== minute) {
    await ctx.db.patch(calls._id, { minute, count: 1 });
  } else if (calls.count < CALLS_PER_MINUTE) {
    await ctx.db.patch(calls._id, { count: calls.count + 1 });
  } else {
    const retryAfter = Math.ceil(((minute + 1) * MINUTE - now) / 1000);
    throw fault("RATE_LIMITED", `at most ${CALLS_PER_MINUTE} calls a minute`, retryAfter);
  }
}

/** A query for the device that `deviceId` names, and whose token comes with the call. */
export function deviceQuery<Fields extends WithDevice, Returns extends GenericValidator>(
  definition: Definition<Fields, Returns, Reader<Fields, Infer<Returns>>>,
) {
  return query({
    args: v.any(),
    returns: definition.returns,
    handler: async (ctx, raw): Promise<Infer<Returns>> => {
      const { args, device } = await signedIn(ctx, definition.args, raw);
      return await definition.handler(ctx, args, device);
    },
  });
}

/** The same for a mutation, so often a minute. */
export function deviceMutation<Fields extends WithDevice, Returns extends GenericValidator>(
  definition: Definition<Fields, Returns, Writer<Fields, Infer<Returns>>>,
) {
  return mutation({
    args: v.any(),
    returns: definition.returns,
    handler: async (ctx, raw): Promise<Infer<Returns>> => {
      const { args, device } = await signedIn(ctx, definition.args, raw);
      await countCall(ctx, device.deviceId);
      return await definition.handler(ctx, args, device);
    },
  });
}

async function asService<Fields extends WithKey>(fields: Fields, raw: unknown): Promise<ObjectType<Fields>> {
  const args = readArguments(fields, raw);
  const wanted = env.POMMAI_SERVICE_KEY_HASH;
  if (!wanted) throw fault("FORBIDDEN", "this deployment has no service key: set POMMAI_SERVICE_KEY_HASH");
  if (!sameHash(await hashOf((args as unknown as { serviceKey: string }).serviceKey), wanted))
    throw fault("FORBIDDEN", "the service key is wrong");
  return args;
}

/** A query for a gateway, which shows its key. */
export function serviceQuery<Fields extends WithKey, Returns extends GenericValidator>(
  definition: Definition<Fields, Returns, (ctx: QueryCtx, args: ObjectType<Fields>) => Promise<Infer<Returns>>>,
) {
  return query({
    args: v.any(),
    returns: definition.returns,
    handler: async (ctx, raw): Promise<Infer<Returns>> =>
      definition.handler(ctx, await asService(definition.args, raw)),
  });
}

/** The same for a mutation. */
export function serviceMutation<Fields extends WithKey, Returns extends GenericValidator>(
  definition: Definition<Fields, Returns, (ctx: MutationCtx, args: ObjectType<Fields>) => Promise<Infer<Returns>>>,
) {
  return mutation({
    args: v.any(),
    returns: definition.returns,
    handler: async (ctx, raw): Promise<Infer<Returns>> =>
      definition.handler(ctx, await asService(definition.args, raw)),
  });
}
