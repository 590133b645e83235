import { expect, test } from "vitest";
import { replaceBlock } from "./document-block.ts";

const DOCUMENT = "before\n<!-- bench:figures -->\nold\n<!-- /bench:figures -->\nafter\n";

test("only the named block is replaced, and again in the same way", () => {
  const once = replaceBlock(DOCUMENT, "figures", "new $& $1");
  expect(once).toBe("before\n<!-- bench:figures -->\nnew $& $1\n<!-- /bench:figures -->\nafter\n");
  expect(replaceBlock(once, "figures", "new $& $1")).toBe(once);
});

test("a document without the block is refused", () => {
  expect(() => replaceBlock(DOCUMENT, "months", "new")).toThrow(/no block "months"/);
  expect(() => replaceBlock("<!-- /bench:a --><!-- bench:a -->", "a", "new")).toThrow(/no block/);
});
