import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // The web platform alone, as Convex's own runtime has it: what works here by way of Node would fail there.
    environment: "edge-runtime",
    include: ["tests/**/*.test.{ts,mjs}"],
    reporters: ["dot"],
    testTimeout: 120_000, // of a machine that has much else to do
  },
});
