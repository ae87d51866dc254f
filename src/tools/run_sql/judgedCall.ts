import type { PostgresConnection } from './settings.ts'
import type { Statement } from './syntax/classify.ts'

/** What is judged, and with what in mind. */
export interface JudgedCall {
  readonly settings: PostgresConnection
  readonly sql: string
  readonly params: readonly (string | null)[]
  readonly statement: Statement
}
