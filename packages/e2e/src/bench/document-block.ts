/**
 * Puts content between the lines `<!-- bench:name -->` and `<!-- /bench:name -->` of a document.
 * @throws Error for a document without that block.
 */
export function replaceBlock(document: string, name: string, content: string): string {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const start = document.indexOf(open);
  const end = document.indexOf(close);
  if (start < 0 || end < start) throw new Error(`the document has no block "${name}"`);
  return `${document.slice(0, start + open.length)}\n${content}\n${document.slice(end)}`;
}
