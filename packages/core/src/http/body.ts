import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { JSON_BODY_BYTES_MAX } from "../limits.ts";
import { ProblemError } from "../problem.ts";

/** Refuses bodies above a size with 413 before they are parsed. */
export const limitBody = (maxBytes: number): MiddlewareHandler =>
  bodyLimit({
    maxSize: maxBytes,
    onError: () => {
      throw new ProblemError("payload_too_large", { detail: `At most ${maxBytes} bytes are accepted.` });
    },
  });

/** Refuses other content types with 415; parameters such as `charset` are ignored. */
export const requireContentType =
  (...types: readonly string[]): MiddlewareHandler =>
  async (c, next) => {
    const type = c.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (type === undefined || !types.includes(type)) {
      throw new ProblemError("unsupported_media_type", { detail: `Expected ${types.join(" or ")}.` });
    }
    await next();
  };

/** The two checks of a small JSON body, in the order of a route: type, then size. */
export const jsonBody = (maxBytes = JSON_BODY_BYTES_MAX): [MiddlewareHandler, MiddlewareHandler] => [
  requireContentType("application/json"),
  limitBody(maxBytes),
];
