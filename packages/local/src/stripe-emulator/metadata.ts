import type { Params } from "./params.ts";
import { createInvalidRequest } from "./stripe-failure.ts";

export type Metadata = Record<string, string>;

const maxKeys = 50;
const maxKeyLength = 40;
const maxValueLength = 500;

/** Merges as Stripe does: an empty value removes its key, an empty `metadata` removes them all. */
export function readMetadata(params: Params, current: Metadata = {}): Metadata {
  if (params.raw("metadata") === "") return {};
  const given = params.object("metadata");
  if (given === undefined) return current;
  const merged = new Map(Object.entries(current));
  for (const key of given.names) {
    const value = given.text(key);
    if (value === undefined) merged.delete(key);
    else merged.set(checkKey(given, key), checkValue(given, key, value));
  }
  if (merged.size > maxKeys) {
    throw createInvalidRequest({
      param: "metadata",
      message: `You can't have more than ${maxKeys} metadata keys`,
    });
  }
  return Object.fromEntries(merged);
}

function checkKey(given: Params, key: string): string {
  if (key.length <= maxKeyLength) return key;
  throw createInvalidRequest({
    param: given.name(key),
    message: `Metadata keys can have up to ${maxKeyLength} characters`,
  });
}

function checkValue(given: Params, key: string, value: string): string {
  if (value.length <= maxValueLength) return value;
  throw createInvalidRequest({
    param: given.name(key),
    message: `Metadata values can have up to ${maxValueLength} characters`,
  });
}
