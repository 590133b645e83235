/** Stores an anchor unless its hour has one; looked up first, because a refused put costs as much as a written one. */
export async function putAnchorOnce(bucket: R2Bucket, key: string, json: string): Promise<boolean> {
  if ((await bucket.head(key)) !== null) return false;
  const stored = await bucket.put(key, json, {
    onlyIf: { etagDoesNotMatch: "*" },
    httpMetadata: { contentType: "application/json" },
  });
  return stored !== null;
}
