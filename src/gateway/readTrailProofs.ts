import type { VerifyOptions } from '../audit/chainCheck.ts'
import { listTrailFiles } from '../audit/files.ts'
import type { SigningKey } from '../audit/signingKey.ts'
import type { Head } from '../audit/trail.ts'

/** Where a replica's chain ended when the store was last told. */
interface HeadStore {
  loadHead(replica: string): Promise<Omit<Head, 'replica'> | undefined>
}

/** What the trail of a running gateway is checked with: its own key, and the last heads that the store remembers. */
export async function readTrailProofs(dir: string, key: SigningKey, store: HeadStore): Promise<VerifyOptions> {
  const heads: Head[] = []
  for (const replica of (await listTrailFiles(dir)).keys()) {
    const head = await store.loadHead(replica)
    if (head !== undefined) heads.push({ replica, ...head })
  }
  return { heads, publicKeys: new Map([[key.id, key.publicKey]]), archived: false }
}
