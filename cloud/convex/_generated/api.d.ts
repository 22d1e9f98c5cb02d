/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import type * as auth from "../auth.js";
import type * as conversations from "../conversations.js";
import type * as crons from "../crons.js";
import type * as devices from "../devices.js";
import type * as gateway from "../gateway.js";
import type * as guardian from "../guardian.js";
import type * as http from "../http.js";
import type * as lib_access from "../lib/access.js";
import type * as lib_check from "../lib/check.js";
import type * as lib_errors from "../lib/errors.js";
import type * as lib_items from "../lib/items.js";
import type * as lib_secrets from "../lib/secrets.js";
import type * as lib_shapes from "../lib/shapes.js";
import type * as lib_tokens from "../lib/tokens.js";
import type * as lib_toys from "../lib/toys.js";
import type * as logs from "../logs.js";
import type * as metrics from "../metrics.js";
import type * as retention from "../retention.js";
import type * as storage from "../storage.js";
import type * as toys from "../toys.js";

/**
 * A utility for referencing Convex functions in your app's API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
declare const fullApi: ApiFromModules<{
  auth: typeof auth;
  conversations: typeof conversations;
  crons: typeof crons;
  devices: typeof devices;
  gateway: typeof gateway;
  guardian: typeof guardian;
  http: typeof http;
  "lib/access": typeof lib_access;
  "lib/check": typeof lib_check;
  "lib/errors": typeof lib_errors;
  "lib/items": typeof lib_items;
  "lib/secrets": typeof lib_secrets;
  "lib/shapes": typeof lib_shapes;
  "lib/tokens": typeof lib_tokens;
  "lib/toys": typeof lib_toys;
  logs: typeof logs;
  metrics: typeof metrics;
  retention: typeof retention;
  storage: typeof storage;
  toys: typeof toys;
}>;
export declare const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
>;
export declare const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
>;
