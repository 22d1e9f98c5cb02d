import { httpRouter } from "convex/server";
import { internal } from "./_generated/api";
import { httpAction } from "./_generated/server";
import { MOST_AUDIO_BYTES } from "./lib/shapes";
import { publicKeys } from "./lib/tokens";

const http = httpRouter();

const reply = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const refuse = (status: number, message: string) => reply(status, { code: "INVALID", message });

/** The keys with which Convex checks the tokens of devices. Looked up by its own servers: see auth.config.ts. */
http.route({
  path: "/.well-known/jwks.json",
  method: "GET",
  handler: httpAction(async () => {
    const response = reply(200, publicKeys());
    response.headers.set("Cache-Control", "public, max-age=300");
    return response;
  }),
});

/** Takes a recording: see storage:generateUploadUrl. */
http.route({
  path: "/upload",
  method: "POST",
  handler: httpAction(async (ctx, request) => {
    const ticket = new URL(request.url).searchParams.get("ticket") ?? "";
    const refusal = await ctx.runQuery(internal.storage.admits, { ticket });
    if (refusal !== null) return reply(403, refusal);
    const type = (request.headers.get("Content-Type") ?? "").split(";")[0]!.trim().toLowerCase();
    if (type !== "audio/ogg") return refuse(415, "a recording is audio/ogg");
    const tooLarge = `a recording has at most ${MOST_AUDIO_BYTES} bytes`;
    if (Number(request.headers.get("Content-Length")) > MOST_AUDIO_BYTES) return refuse(413, tooLarge);
    const bytes = await request.arrayBuffer();
    if (bytes.byteLength > MOST_AUDIO_BYTES) return refuse(413, tooLarge);
    if (bytes.byteLength === 0) return refuse(400, "there is nothing in it");
    const audio = await ctx.storage.store(new Blob([bytes], { type: "audio/ogg" }));
    const tooLate = await ctx.runMutation(internal.storage.received, { ticket, audio });
    return tooLate === null ? reply(200, { storageId: audio }) : reply(403, tooLate);
  }),
});

export default http;
