/**
 * What the analysis needs of a database session. The caller owns it: it is inside an open read-write transaction, its
 * role may create temporary objects, `standard_conforming_strings` is on, `client_encoding` is UTF8 and `search_path`
 * is the one the statement will run with.
 *
 * After any error the transaction is unusable and the caller must roll it back.
 */
export interface AnalysisSession {
  /** The server's major version: 15, 16, 17 or 18. Anything else is refused. */
  readonly major: number
  /**
   * One statement on the extended protocol, which cannot carry a second one. `name` is set for constant texts of ours
   * and may be used to keep the statement prepared; it may be ignored.
   */
  query(text: string, params?: readonly unknown[], name?: string): Promise<SessionRows>
  /** Several of them in one round trip, in order: after one that fails, none runs. Values come as text. */
  batch(statements: readonly BatchStatement[]): Promise<readonly SessionRows[]>
}

export interface BatchStatement {
  readonly text: string
  /** Text, null, or arrays of text. */
  readonly params?: readonly unknown[]
  /** As in `query`. */
  readonly name?: string
}

export interface SessionRows {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}
