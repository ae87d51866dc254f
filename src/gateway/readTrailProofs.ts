import type { VerifyOptions } from '../audit/chainCheck.ts'
import type { SigningKey } from '../audit/signingKey.ts'
import type { Head } from '../audit/trail.ts'

/** Where each replica's chain ended when the store was last told. */
interface HeadStore {
  heads(): Promise<readonly Head[]>
}

/**
 * What the trail of a running gateway is checked with: its own key, and every head that the store remembers, whatever
 * files are there: a replica without any has lost them all.
 */
export async function readTrailProofs(key: SigningKey, store: HeadStore): Promise<VerifyOptions> {
  return { heads: await store.heads(), publicKeys: new Map([[key.id, key.publicKey]]), archived: false }
}
