import { deviceMutation } from "./lib/access";
import { keep, keepAll } from "./lib/items";
import * as shapes from "./lib/shapes";
import { daysOfFigures } from "./lib/toys";

/** Figures of a device: how warm it is, how busy, how long answers take. */
export const batchRecord = deviceMutation({
  args: shapes.metrics,
  returns: shapes.kept,
  handler: async (ctx, { metrics }, device) => {
    const days = await daysOfFigures(ctx, device);
    return await keepAll("metrics", metrics, shapes.metric, async ({ id, ...row }) => {
      await keep(ctx, "metrics", device.deviceId, id, row, days);
    });
  },
});
