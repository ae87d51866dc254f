import type { Caller } from '../call.ts'

/** Who a verified token is about, with the scopes that its use is still to be judged by. */
export interface Principal {
  readonly caller: Caller
  readonly scopes: readonly string[]
}
