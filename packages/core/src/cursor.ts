import { sha256Hex } from "./auth.ts";
import { canonicalJson } from "./canonical-json.ts";
