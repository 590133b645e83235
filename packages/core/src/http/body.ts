import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { JSON_BODY_BYTES_MAX } from "../limits.ts";
import { ProblemError } from "../problem.ts";

/** Refuses bodies above a size with 413 before they are parsed. */
export const limitBody = (maxBytes: number): MiddlewareHandler => {
  const refuse = (): never => {
    throw new ProblemError("payload_too_large", { detail: `At most ${maxBytes} bytes are accepted.` });
  };
  const countBytes = bodyLimit({ maxSize: maxBytes, onError: refuse });
  return (c, next) => {
    // A length that was sent is believed as Hono does; reading the body's stream only to see whether there is one costs more.
    const { headers } = c.req.raw;
    const length = headers.get("content-length");
    if (length === null || headers.has("transfer-encoding")) return countBytes(c, next);
    return Number.parseInt(length, 10) > maxBytes ? refuse() : next();
  };
};

/** Refuses other content types with 415; parameters such as `charset` are ignored. */
export const requireContentType =
  (...types: readonly string[]): MiddlewareHandler =>
  (c, next) => {
    const type = c.req.raw.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (type === undefined || !types.includes(type)) {
      throw new ProblemError("unsupported_media_type", { detail: `Expected ${types.join(" or ")}.` });
    }
    return next();
  };

/** The two checks of a small JSON body, in the order of a route: type, then size. */
export const jsonBody = (maxBytes = JSON_BODY_BYTES_MAX): [MiddlewareHandler, MiddlewareHandler] => [
  requireContentType("application/json"),
  limitBody(maxBytes),
];
