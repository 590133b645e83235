import type { Params } from "./params.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";

export const pageParams = ["limit", "starting_after", "ending_before", "expand"] as const;

const defaultLimit = 10;
const maxLimit = 100;

export interface ListPage<Item> {
  readonly object: "list";
  readonly url: string;
  readonly has_more: boolean;
  readonly data: Item[];
}

export interface ListSource<Item> {
  readonly url: string;
  /** What a wrong cursor is called in the refusal: `customer`, `event`. */
  readonly kind: string;
  /** Oldest first, as the maps keep them; the page is newest first. */
  readonly items: Iterable<Item>;
}

/** One page in Stripe's order. Cursors are ids of the filtered list. */
export function listPage<Item extends { readonly id: string }>(
  source: ListSource<Item>,
  params: Params,
): ListPage<Item> {
  const limit = readLimit(params);
  const items = [...source.items].toReversed();
  const after = params.text("starting_after");
  const before = params.text("ending_before");
  if (after !== undefined && before !== undefined) {
    throw createInvalidRequest({
      code: "parameters_exclusive",
      message: "You can only provide one of starting_after or ending_before.",
    });
  }
  if (before !== undefined) {
    const end = findCursor(items, before, { kind: source.kind, param: "ending_before" });
    const start = Math.max(0, end - limit);
    return { object: "list", url: source.url, has_more: start > 0, data: items.slice(start, end) };
  }
  const start = after === undefined ? 0 : findCursor(items, after, { kind: source.kind, param: "starting_after" }) + 1;
  const data = items.slice(start, start + limit);
  return { object: "list", url: source.url, has_more: start + data.length < items.length, data };
}

/** Whether `created` passes `created=…` or `created[gt|gte|lt|lte]=…`. */
export function passesCreated(params: Params, created: number): boolean {
  const raw = params.raw("created");
  if (raw === undefined) return true;
  if (typeof raw === "string") return params.integer("created") === created;
  const range = params.object("created")?.accept(["gt", "gte", "lt", "lte"]);
  const [gt, gte, lt, lte] = ["gt", "gte", "lt", "lte"].map((key) => range?.integer(key));
  return (
    (gt === undefined || created > gt) &&
    (gte === undefined || created >= gte) &&
    (lt === undefined || created < lt) &&
    (lte === undefined || created <= lte)
  );
}

function readLimit(params: Params): number {
  const limit = params.integer("limit") ?? defaultLimit;
  if (limit < 1 || limit > maxLimit) {
    throw createInvalidRequest({
      param: "limit",
      message: `This value must be between 1 and ${maxLimit} (inclusive).`,
    });
  }
  return limit;
}

function findCursor(
  items: readonly { readonly id: string }[],
  id: string,
  named: { readonly kind: string; readonly param: string },
): number {
  const index = items.findIndex((item) => item.id === id);
  if (index < 0) throw createMissingResource(named.kind, id, named.param);
  return index;
}
