import type { StateStore } from '../approvals/ports.ts'
import type { Trail } from '../audit/trail.ts'
import { type JsonlTrailOptions, openJsonlTrail } from './jsonlTrail.ts'

interface ContinueOptions extends Pick<JsonlTrailOptions, 'settings' | 'replica' | 'key' | 'onProblem'> {
  readonly store: Pick<StateStore, 'loadHead' | 'saveHead'>
}

/** Opens the trail of a replica from the head that the store remembers, and keeps telling the store where it ends. */
export async function continueTrail({ store, replica, ...options }: ContinueOptions): Promise<Trail> {
  const known = await store.loadHead(replica)
  return openJsonlTrail({
    ...options,
    replica,
    saveHead: (head) => store.saveHead(replica, head),
    expectedHead: known && { replica, ...known },
  })
}
