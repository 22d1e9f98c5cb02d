import { deviceMutation } from "./lib/access";
import { keep, keepAll } from "./lib/items";
import * as shapes from "./lib/shapes";
import { daysOfFigures } from "./lib/toys";

/** Lines of a device's log. */
export const create = deviceMutation({
  args: shapes.logs,
  returns: shapes.kept,
  handler: async (ctx, { logs }, device) => {
    const days = await daysOfFigures(ctx, device);
    return await keepAll("logs", logs, shapes.log, async ({ id, fields, ...row }) => {
      await keep(ctx, "logs", device.deviceId, id, { ...row, fields: JSON.stringify(fields) }, days);
    });
  },
});
