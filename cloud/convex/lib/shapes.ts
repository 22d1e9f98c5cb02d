/** What the functions take and give. */
import { v } from "convex/values";
import { figure, id, list, maybe, open, text } from "./check";

/** Items of one call. */
export const MOST_ITEMS = 500;
/** Of one item, as JSON in UTF-8: ten minutes of talk. */
export const MOST_BYTES = 32_768;
/** Of one recording. */
export const MOST_AUDIO_BYTES = 1 << 20;

const name = text(1, 128);
/** ISO 8601, UTC, by the toy's clock. Nothing is ever ordered by it, so nobody minds what it says. */
const time = text(1, 64);
/** Up to the size of a whole item. */
const words = text(0, MOST_BYTES);

export const device = { deviceId: name };
export const ofToy = { ...device, toyId: name };

export const signIn = { ...device, deviceSecret: text(1, 512) };

export const conversation = {
  ...ofToy,
  id: id(),
  transcript: words,
  response: words,
  timestamp: time,
  wasOffline: v.boolean(),
  audioStorageId: maybe(text(1, 128)),
};

export const severity = v.union(v.literal("low"), v.literal("medium"), v.literal("high"));

export const safetyEvent = {
  ...ofToy,
  id: id(),
  eventType: name,
  severity,
  details: open(),
  timestamp: time,
  isUrgent: v.boolean(),
};

const batch = { ...device, timestamp: time };

export const metrics = { ...batch, metrics: list(MOST_ITEMS) };
export const metric = { id: id(), name, value: figure(), timestamp: time };

export const logs = { ...batch, logs: list(MOST_ITEMS) };
export const log = { id: id(), level: words, event: words, fields: open(), timestamp: time };

const service = { serviceKey: text(0, 512), ...device };

export const tokenCheck = { ...service, websocketToken: text(0, 4096) };

export const syncBatch = {
  ...service,
  toyId: name,
  safety_events: maybe(list(MOST_ITEMS)),
  conversations: maybe(list(MOST_ITEMS)),
  metrics: maybe(list(MOST_ITEMS)),
  logs: maybe(list(MOST_ITEMS)),
};

/** The items of `sync_batch`, as the wire has them. What else they say is welcome. */
export const synced = {
  safety_events: {
    id: id(),
    reason: text(1, 4096),
    severity: maybe(text(1, 32)),
    timestamp: maybe(time),
  },
  conversations: {
    id: id(),
    toy_id: name,
    user_input: words,
    toy_response: words,
    timestamp: maybe(time),
    was_offline: maybe(v.boolean()),
  },
  metrics: { id: id(), name, value: figure(), timestamp: maybe(time) },
  logs: {
    id: id(),
    level: maybe(words),
    event: maybe(words),
    fields: maybe(open()),
    timestamp: maybe(time),
  },
};

/** What became of the items of a call. */
export const kept = v.object({
  accepted: v.array(v.string()),
  rejected: v.array(v.object({ id: v.string(), reason: v.string() })),
});

const factor = v.number();
const days = v.optional(v.number());

/** A toy's character: what the wire calls `config`, but for `toyId`. */
export const config = {
  name: v.string(),
  personality_prompt: v.string(),
  voice_settings: v.object({ voice_id: v.string(), speed: factor, pitch: factor }),
  is_for_kids: v.boolean(),
  safety_level: v.union(v.literal("strict"), v.literal("moderate"), v.literal("relaxed"), v.literal("custom")),
  wake_word: v.union(v.string(), v.null()),
  wake_word_alternatives: v.optional(v.array(v.string())),
  wake_engine: v.optional(v.string()),
  wake_models: v.optional(v.array(v.string())),
  wake_sensitivity: v.optional(v.number()),
  acknowledgements: v.optional(v.array(v.string())),
  led_theme: v.optional(v.record(v.string(), v.string())),
  knowledge_base: v.any(),
  guardian_settings: v.object({
    content_filter_level: v.string(),
    allowed_topics: v.array(v.string()),
    blocked_topics: v.array(v.string()),
    retention_days: v.optional(v.object({ conversations: days, safety_events: days, metrics: days })),
    allow_uploads: v.optional(v.boolean()),
  }),
};
