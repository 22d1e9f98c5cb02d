import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();

crons.interval("forget what nobody came for", { minutes: 15 }, internal.retention.sweepExpired, {});
crons.daily("forget what guardians want kept no longer", { hourUTC: 3, minuteUTC: 17 }, internal.retention.sweep, {});

export default crons;
