import { validator } from "hono-openapi";
import type { z } from "zod";
import { ProblemError, type FieldError } from "../problem.ts";

/** Where a schema applies. */
type Target = "json" | "query" | "param";

/** Validates a part of the request and documents it; a failure answers 400 with pointers and without the input. */
export const validate = <T extends Target, S extends z.ZodType>(target: T, schema: S) =>
  validator(target, schema, (result) => {
    if (!result.success) {
      throw new ProblemError("validation_failed", { errors: result.error.map(toFieldError) });
    }
  });

interface Issue {
  message: string;
  path?: ReadonlyArray<PropertyKey | { key: PropertyKey }> | undefined;
}

function toFieldError(issue: Issue): FieldError {
  const segments = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  const pointer = segments.map((segment) => `/${segment.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  return { pointer, message: issue.message.startsWith("Unrecognized key") ? "Unknown member" : issue.message };
}
