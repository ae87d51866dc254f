/** What a change would bring about beyond itself: an operation of a family, and one clause about why. */
export interface Consequence {
  readonly operation: string
  readonly because: string
}
