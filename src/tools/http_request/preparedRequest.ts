import type { HttpRequest } from './readRequest.ts'
import type { HttpConnection } from './settings.ts'

/** A request, understood, with the settings it was judged by. */
export interface PreparedRequest {
  readonly request: HttpRequest
  readonly connectionName: string
  readonly settings: HttpConnection
  readonly effect: 'read' | 'write'
  readonly idempotencyKey: string | undefined
}
