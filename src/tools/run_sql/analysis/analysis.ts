import type { Json, Operation } from '../../../call.ts'
import type { Settledness } from './settlednessOf.ts'
import type { RestsOn } from './versionsOf.ts'

/** One statement that the server's own parser accepted as exactly one SELECT, INSERT, UPDATE, DELETE or MERGE. */
export interface AnalysisStatement {
  /** The exact text, well-formed, at most 64 KiB. */
  readonly sql: string
  /** How many of $1, $2, ... it has. */
  readonly parameterCount: number
  /**
   * Where its rows go: to the caller, masked; or into a new table, a view or a file (the inner query of CREATE TABLE
   * AS, CREATE VIEW, COPY (query) TO), where a protected value would lose its protection.
   */
  readonly destination: 'caller' | 'elsewhere'
  /** EXPLAIN ANALYZE: the caller sees what every step took, down to the bytes of what is masked otherwise. */
  readonly measured?: boolean
}

export type PredicateMode = 'deny' | 'approve' | 'equality' | 'allow'

export interface AnalysisOptions {
  /** `users.email` (in `public`) or `schema.table.column`, unquoted. */
  readonly protect: readonly string[]
  readonly predicates: PredicateMode
  /** `schema.function`, whatever the arguments. */
  readonly trustedFunctions: readonly string[]
}

/** What the server's own analysis says a statement would do. */
export interface Analysis {
  readonly operations: readonly Operation[]
  /** One for each result column, in order; empty for a write without RETURNING. */
  readonly outputs: readonly AnalysisOutput[]
  /**
   * A relation with protected columns is involved, so an error may carry a protected value: show nothing of it but its
   * SQLSTATE.
   */
  readonly touchesProtected: boolean
  /** Canonical names (`public.users.email`) of protected columns that can show in row counts, order, errors or time. */
  readonly protectedInPredicates: readonly string[]
  /** Canonical names of every protected column that is read at all. */
  readonly protectedRead: readonly string[]
  /** A view or a generated column is involved that may show protected columns under names of its own. */
  readonly renamesProtected: boolean
  /** The server's inferred types of the parameters, as SQL names. */
  readonly parameterTypes: readonly string[]
  /** Object identities and versions. Must be equal when the statement is analysed again to be executed. */
  readonly judged: Json
  /** Whether analysing the text again, with the same objects behind its names, comes to the same. */
  readonly settled: Settledness
  /** Every object that was looked at. */
  readonly restsOn: RestsOn
  /** Every relation involved. */
  readonly relations: readonly { readonly oid: number; readonly name: string }[]
}

/** One result column. */
interface AnalysisOutput {
  readonly name: string
  /** Labels as configured (`users.email`) of the protected columns that flow into it. Anything here hides it. */
  readonly protectedBy: readonly string[]
}
