import { deviceMutation } from "./lib/access";
import { fault } from "./lib/errors";
import { keep, misfit } from "./lib/items";
import * as shapes from "./lib/shapes";
import { daysOf, rememberToy, toyOf } from "./lib/toys";

/** Something a grown-up should know. */
export const reportEvent = deviceMutation({
  args: shapes.safetyEvent,
  returns: shapes.kept,
  handler: async (ctx, args, device) => {
    const { toyId, id, eventType, severity, details, timestamp, isUrgent } = args;
    const toy = await toyOf(ctx, device.deviceId, toyId);
    const wrong = misfit(args);
    if (wrong !== null) throw fault("INVALID", `the event ${wrong}`);
    const row = { toyId, eventType, severity, details: JSON.stringify(details), timestamp, isUrgent };
    await keep(ctx, "safetyEvents", device.deviceId, id, row, daysOf(toy, "safety_events"));
    await rememberToy(ctx, device, toyId);
    return { accepted: [id], rejected: [] };
  },
});
