/** Items that come many in a call: the good ones are kept, each once, and the others are named with their fault. */
import type { Infer, ObjectType, PropertyValidators } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import { isObject, read } from "./check";
import { fault } from "./errors";
import { MOST_BYTES, type kept } from "./shapes";

export type Kept = Infer<typeof kept>;
type Table = "conversations" | "safetyEvents" | "metrics" | "logs";
type Row = { [T in Table]: Omit<Doc<T>, "_id" | "_creationTime" | "deviceId" | "itemId"> };

/** Why something cannot be kept as JSON, in words; null when it can. */
export function misfit(value: unknown): string | null {
  let json: string;
  try {
    json = JSON.stringify(value);
  } catch {
    return "holds what JSON does not have"; // Convex's own values are more than JSON's
  }
  const size = new TextEncoder().encode(json).length;
  return size > MOST_BYTES ? `is ${size} bytes long as JSON; at most ${MOST_BYTES} are kept` : null;
}

/** Whether a device's item is kept already. */
export async function isKept(ctx: MutationCtx, table: Table, deviceId: string, itemId: string): Promise<boolean> {
  const found = await ctx.db
    .query(table)
    .withIndex("by_item", (q) => q.eq("deviceId", deviceId).eq("itemId", itemId))
    .first();
  return found !== null;
}

/** Keep an item unless it is kept already: then it stays as it is. `days`: for how long; 0 keeps nothing. */
export async function keep<T extends Table>(
  ctx: MutationCtx,
  table: T,
  deviceId: string,
  itemId: string,
  row: Row[T],
  days: number,
): Promise<void> {
  if (days === 0 || (await isKept(ctx, table, deviceId, itemId))) return;
  await ctx.db.insert(table, { deviceId, itemId, ...row } as never);
}

/**
 * Look at items one by one, hand the good ones to `take`, and say what became of each. `name`: of the list, for INVALID,
 * which is thrown where an item has no id by which it could be rejected.
 */
export async function keepAll<Fields extends PropertyValidators>(
  name: string,
  items: readonly unknown[],
  fields: Fields,
  take: (item: ObjectType<Fields>, whole: Record<string, unknown>) => Promise<void>,
): Promise<Kept> {
  const accepted = new Set<string>();
  const rejected = new Map<string, string>();
  for (const [index, item] of items.entries()) {
    if (!isObject(item)) throw fault("INVALID", `${name}[${index}] must be an object`);
    const named = read({ id: fields.id! }, item, `${name}[${index}].`);
    if ("fault" in named) throw fault("INVALID", named.fault);
    const id = named.value.id as string;
    if (accepted.has(id) || rejected.has(id)) continue;
    const found = read(fields, item);
    const wrong = "fault" in found ? found.fault : misfit(item);
    if (wrong !== null) {
      rejected.set(id, wrong);
    } else if ("value" in found) {
      await take(found.value, item);
      accepted.add(id);
    }
  }
  return { accepted: [...accepted], rejected: Array.from(rejected, ([id, reason]) => ({ id, reason })) };
}
