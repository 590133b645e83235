import type { JobLeases } from "@prego/core/job-run";
import { createJobLeases } from "@prego/core/store";
import type { PurgeStorage } from "./storage.ts";

export const openLeases = (storage: PurgeStorage): JobLeases => createJobLeases(storage.db);
