import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import { config } from "./lib/shapes";

/** Whose it is. `itemId` was made by the toy; with the device and the table it is unique. */
const ownedBy = { deviceId: v.string(), itemId: v.string() };

// When the server got an item is its `_creationTime`; `timestamp` is what the toy's clock said.
export default defineSchema({
  devices: defineTable({
    deviceId: v.string(),
    secretHash: v.string(),
    /** When it got this secret, in ms since 1970. Tokens name it, so that those of an earlier secret are good no more. */
    secretSince: v.number(),
    revokedAt: v.optional(v.number()),
    /** The toy that it was last: whose guardian says how long figures and logs are kept, which name no toy. */
    toyId: v.optional(v.string()),
  }).index("by_device", ["deviceId"]),

  tokens: defineTable({ deviceId: v.string(), hash: v.string(), expiresAt: v.number() })
    .index("by_hash", ["hash"])
    .index("by_device", ["deviceId"])
    .index("by_end", ["expiresAt"]),

  /** Without `deviceId`: a toy that every device can be. With one: as its own guardian wants it. */
  toys: defineTable({ toyId: v.string(), deviceId: v.optional(v.string()), ...config }).index("by_toy", [
    "toyId",
    "deviceId",
  ]),

  conversations: defineTable({
    ...ownedBy,
    toyId: v.string(),
    transcript: v.string(),
    response: v.string(),
    timestamp: v.optional(v.string()),
    wasOffline: v.boolean(),
    audio: v.optional(v.id("_storage")),
  })
    .index("by_item", ["deviceId", "itemId"])
    .index("by_toy", ["deviceId", "toyId"])
    .index("by_audio_of_toy", ["toyId", "audio"]),

  safetyEvents: defineTable({
    ...ownedBy,
    toyId: v.string(),
    eventType: v.string(),
    severity: v.string(),
    /** JSON: its keys are the toy's own, and not all of them could be a field here. */
    details: v.string(),
    timestamp: v.optional(v.string()),
    isUrgent: v.boolean(),
  })
    .index("by_item", ["deviceId", "itemId"])
    .index("by_toy", ["deviceId", "toyId"]),

  metrics: defineTable({
    ...ownedBy,
    name: v.string(),
    value: v.number(),
    timestamp: v.optional(v.string()),
  })
    .index("by_item", ["deviceId", "itemId"])
    .index("by_device", ["deviceId"]),

  logs: defineTable({
    ...ownedBy,
    level: v.optional(v.string()),
    event: v.optional(v.string()),
    /** JSON, as `details` above. */
    fields: v.string(),
    timestamp: v.optional(v.string()),
  })
    .index("by_item", ["deviceId", "itemId"])
    .index("by_device", ["deviceId"]),

  /** An address for one recording, then the recording that waits for its conversation. */
  uploads: defineTable({
    deviceId: v.string(),
    toyId: v.string(),
    expiresAt: v.number(),
    audio: v.optional(v.id("_storage")),
  })
    .index("by_audio", ["audio"])
    .index("by_audio_of_toy", ["toyId", "audio"])
    .index("by_end", ["expiresAt"]),

  /** Calls of a device in a minute, which is counted since 1970. */
  calls: defineTable({ deviceId: v.string(), minute: v.number(), count: v.number() }).index("by_device", ["deviceId"]),
});
