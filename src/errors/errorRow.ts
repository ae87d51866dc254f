/** What there is to say about a code. Both sentences are safe to show to an agent. */
export interface ErrorRow {
  /** The HTTP status where the error ends an HTTP request; tool results travel in a 200. */
  readonly status: number
  /** What happened. */
  readonly message: string
  /** What the caller should do now. */
  readonly next: string
}
