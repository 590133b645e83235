import { workerProject } from "../../packages/e2e/src/worker-project.ts";

export default workerProject(import.meta.dirname);
