/**
 * Arguments against validators, with a fault that the caller can read.
 *
 * Convex checks arguments by itself where a function names them, yet its answer has no `errorData`, and a deployment in
 * production does not even say what was wrong. So the functions that toys call let everything in, and look here.
 */
import { v, type GenericValidator, type Infer, type ObjectType, type PropertyValidators } from "convex/values";
import { fault } from "./errors";

/** What a value must be, in words, when it is not; null when it is. */
type Wish = (value: never) => string | null;

const wishes = new WeakMap<GenericValidator, Wish>();

function wishing<V extends GenericValidator>(validator: V, wish: (value: Infer<V>) => string | null): V {
  wishes.set(validator, wish);
  return validator;
}

/** Characters as people count them; an emoji is one. */
const lengthOf = (text: string) => (text.length > 4096 ? text.length : [...text].length);

/** Text of so many characters. */
export function text(least: number, most: number) {
  return wishing(v.string(), (value) => {
    const length = lengthOf(value);
    return length >= least && length <= most ? null : `text of ${least} to ${most} characters`;
  });
}

/** An id that a toy has made: 1 to 128 characters that can be printed. */
export function id() {
  return wishing(v.string(), (value) => {
    const printable = /^(?:[^\p{C}\p{Z}]| )+$/u.test(value);
    return printable && lengthOf(value) <= 128 ? null : "1 to 128 printable characters";
  });
}

/** A number that is one: no infinity. */
export function figure() {
  return wishing(v.number(), (value) => (Number.isFinite(value) ? null : "a finite number"));
}

/** An object whose keys are the caller's own. */
export function open() {
  return wishing(v.any(), (value: unknown) => (isObject(value) ? null : "an object"));
}

/** Items that are looked at one by one afterwards. */
export function list(most: number) {
  return wishing(v.array(v.any()), (value) => (value.length <= most ? null : `a list of at most ${most}`));
}

/** May be missing, or null, which is what some languages have for missing. */
export function maybe<V extends GenericValidator>(validator: V) {
  const optional = v.optional(validator);
  const wish = wishes.get(validator);
  if (wish !== undefined) wishes.set(optional, wish);
  return optional;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === "[object Object]";
}

const NAMES: Partial<Record<GenericValidator["kind"], string>> = {
  string: "text",
  float64: "a number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

function fits(validator: GenericValidator, value: unknown): boolean {
  switch (validator.kind) {
    case "string":
      return typeof value === "string";
    case "float64":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    case "array":
      return Array.isArray(value);
    case "literal":
      return value === validator.value;
    case "union":
      return validator.members.some((member) => fits(member, value));
    case "any":
      return true;
    default:
      throw new Error(`arguments of functions are checked without ${validator.kind}`);
  }
}

function nameOf(validator: GenericValidator): string {
  if (validator.kind === "literal") return String(validator.value);
  if (validator.kind === "union") return validator.members.map(nameOf).join(" or ");
  return NAMES[validator.kind] ?? validator.kind;
}

/** Why a value does not fit, as "a.b must be text"; null when it does. */
function faultOf(validator: GenericValidator, value: unknown, name: string): string | null {
  const wish = wishes.get(validator);
  const wanted = fits(validator, value) ? (wish?.(value as never) ?? null) : nameOf(validator);
  return wanted === null ? null : `${name} must be ${wanted}`;
}

/**
 * The fields of `value` that `fields` name, or in words why they are not what they should be. Others are left out: the
 * caller may be newer than this server.
 */
export function read<Fields extends PropertyValidators>(
  fields: Fields,
  value: Record<string, unknown>,
  prefix = "",
): { value: ObjectType<Fields> } | { fault: string } {
  const found: Record<string, unknown> = {};
  for (const [key, validator] of Object.entries(fields) as [string, GenericValidator][]) {
    const field = Object.hasOwn(value, key) ? value[key] : undefined;
    if (validator.isOptional === "optional" && (field === undefined || field === null)) continue;
    if (field === undefined) return { fault: `${prefix}${key} is missing` };
    const wrong = faultOf(validator, field, prefix + key);
    if (wrong !== null) return { fault: wrong };
    found[key] = field;
  }
  return { value: found as ObjectType<Fields> };
}

/** The arguments of a call. Throws INVALID. */
export function readArguments<Fields extends PropertyValidators>(fields: Fields, value: unknown): ObjectType<Fields> {
  if (!isObject(value)) throw fault("INVALID", "the arguments must be an object");
  const found = read(fields, value);
  if ("fault" in found) throw fault("INVALID", found.fault);
  return found.value;
}
