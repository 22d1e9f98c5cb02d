/** Whatever is sent, the answer is a value or an error of the table: never one that Convex would hide from the toy. */
import type { JSONValue } from "convex/values";
import { afterEach, expect, test, vi } from "vitest";
import contract from "../contract.json";
import { Server, SERVICE_KEY, type Kind } from "./server";

const CODES = new Set([
  "AUTH_FAILED",
  "UNAUTHENTICATED",
  "DEVICE_NOT_FOUND",
  "FORBIDDEN",
  "TOY_NOT_FOUND",
  "CONSENT_REQUIRED",
  "INVALID",
]);

const ODD: JSONValue[] = [
  null,
  true,
  0,
  -1,
  1e308,
  "",
  " ",
  "\n",
  "\u0000",
  "\u202e",
  "\ud83e\udd96".repeat(200),
  "x".repeat(100_000),
  "constructor",
  "../../etc/passwd",
  "1970-01-01T00:00:00Z",
  [],
  [[[[[[]]]]]],
  [null],
  [{}],
  [{ id: "odd" }],
  [{ id: 7 }],
  Array.from({ length: 501 }, () => ({})),
  {},
  { id: "odd", toString: "no function" },
  JSON.parse('{"constructor": {"prototype": 1}, "hasOwnProperty": 7}') as JSONValue,
  { $integer: "AQAAAAAAAAA=" }, // Convex's whole numbers of 64 bits, its bytes, and its numbers that JSON has not
  { whole: { $integer: "AQAAAAAAAAA=" } },
  [{ id: "odd", fields: { whole: { $integer: "AQAAAAAAAAA=" } }, level: "info", event: "e", timestamp: "t" }],
  { $bytes: "AQAA" },
  { $float: "AAAAAAAA+H8=" },
  [{ id: "odd", name: "n", value: { $float: "AAAAAAAA8H8=" }, timestamp: "t" }],
];

const timestamp = "2026-03-01T10:00:00Z";
const device = { deviceId: "one" };
const ofToy = { ...device, toyId: "rex" };
const service = { serviceKey: SERVICE_KEY, ...device };
const event = { eventType: "blocked_topic", severity: "low", details: {}, isUrgent: false };
const GOOD: [Kind, string, Record<string, JSONValue>][] = [
  ["action", "auth:authenticateDevice", { ...device, deviceSecret: "none" }],
  ["query", "toys:getConfiguration", ofToy],
  ["mutation", "storage:generateUploadUrl", ofToy],
  [
    "mutation",
    "conversations:create",
    { ...ofToy, id: "c", transcript: "a", response: "b", timestamp, wasOffline: true, audioStorageId: null },
  ],
  ["mutation", "guardian:reportEvent", { ...ofToy, id: "s", ...event, timestamp }],
  ["mutation", "metrics:batchRecord", { ...device, timestamp, metrics: [] }],
  ["mutation", "logs:create", { ...device, timestamp, logs: [] }],
  ["query", "gateway:checkToken", { ...service, websocketToken: "none" }],
  [
    "mutation",
    "gateway:takeBatch",
    { ...service, toyId: "rex", conversations: [], safety_events: [], metrics: [], logs: [] },
  ],
];

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

test.each(GOOD)("%s %s answers whatever stands for any argument", async (kind, path, good) => {
  const server = await Server.start();
  await server.setToy("rex", contract.toys.rex);
  const deviceSecret = await server.register("one");
  const { body } = await server.call("action", "auth:authenticateDevice", { ...device, deviceSecret });
  const token = (body as { value: { convexToken: string } }).value.convexToken;
  const open = path.startsWith("auth:") || path.startsWith("gateway:");
  for (const [key, index] of [...Object.keys(good), "another"].flatMap((name) =>
    ODD.map((_, n) => [name, n] as const),
  )) {
    if (index === 0) server.wait(60); // for the limit of calls
    const reply = await server.call(kind, path, { ...good, [key]: ODD[index]! }, open ? undefined : token);
    const told = `${key}: ${JSON.stringify(ODD[index])?.slice(0, 100)}`;
    if (reply.http === 200) continue;
    const { errorData } = reply.body as { errorData: { code: string; message: string } };
    expect(CODES, told).toContain(errorData.code);
    expect(errorData.message.length, told).toBeLessThan(200);
  }
});
