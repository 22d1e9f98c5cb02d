// @vitest-environment node
/** tools/keys.mjs, read as the deployment reads it. Run by Node, as operators run it. */
import { spawnSync } from "node:child_process";
import { parseEnv } from "node:util";
import { afterEach, expect, test, vi } from "vitest";
import { setEnvironment, Server } from "./server";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

function makeKeys() {
  const done = spawnSync(process.execPath, ["tools/keys.mjs"], { encoding: "utf8" });
  expect(done.status, done.stderr).toBe(0);
  return { environment: parseEnv(done.stdout), told: done.stderr };
}

const made = makeKeys();

test("the keys that are made sign tokens which the deployment knows", async () => {
  const server = await Server.start();
  await setEnvironment(made.environment);
  const deviceSecret = await server.register("toy");
  const { body } = await server.call("action", "auth:authenticateDevice", { deviceId: "toy", deviceSecret });
  expect(await server.identityOf(body.value.convexToken)).toMatchObject({ subject: "toy" });
});

test("the service key that is told is the one whose hash is set", async () => {
  const server = await Server.start();
  const { environment, told } = made;
  await setEnvironment(environment);
  const serviceKey = told.trim().split(" ").at(-1);
  expect(Object.values(environment).join("\n")).not.toContain(serviceKey);
  const args = { serviceKey, deviceId: "toy", websocketToken: "none" };
  expect(await server.call("query", "gateway:checkToken", args)).toMatchObject({ http: 200 });
});

test("keys are made anew each time", () => {
  expect(makeKeys()).not.toEqual(made);
});
