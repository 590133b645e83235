import type { Deps } from "./deps.ts";
import { markDelivered, type OwedCertificate } from "./store/completion.ts";
import { putOnce } from "./store/objects.ts";

/** Puts a certificate into R2 from the text that was stored with the end of its purge; a repeat finds it there. */
export async function deliverCertificate(deps: Deps, owed: OwedCertificate): Promise<void> {
  const stored = await putOnce(deps.storage, owed.key, owed.text);
  if (stored !== owed.text) throw new Error("another text is stored as this certificate");
  await markDelivered(deps.storage, owed.purgeId, deps.now());
}
