import type { Json, Operation } from '../../../call.ts'
import type { ApiObject } from '../cluster/apiObject.ts'
import type { ApiRequest } from '../cluster/apiRequest.ts'
import type { Resource } from '../cluster/discovery.ts'
import type { Consequence } from '../judge/consequence.ts'

/** One object that a call would change, as it was asked for. */
export interface Change {
  readonly verb: string
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly name: string
  readonly subresource?: string
  readonly selector?: string | undefined
  readonly action?: string
  /** Whether there must be such an object, or must not. */
  readonly wants: 'existing' | 'absent' | 'either'
  /** What was asked for, for the digest. Holds nothing that differs from one judgement to the next. */
  readonly intent: Json
  /** The object as it would be when the server cannot tell. */
  readonly wanted: ApiObject | undefined
  /** Consequences that come from the request itself. */
  readonly extra?: readonly Consequence[]
  /** The request, held to the object as it is: it fails when there is another, or another version, by then. */
  request(live: ApiObject | undefined): ApiRequest
}

/** A change with everything that was found out about it. */
export interface JudgedChange {
  readonly change: Change
  readonly live: ApiObject | undefined
  /** By the server's dry run; undefined where there is none. */
  readonly result: ApiObject | undefined
  readonly operations: readonly Operation[]
  /** Why it cannot be done. Said when it runs or is previewed, so that who may not ask learns nothing. */
  readonly problem: unknown
  /** Its dry run has to wait for another object of the same call, and is made just before it is written. */
  readonly isDeferred: boolean
}
