/** What a reader sees in place of a hidden value. Tools refuse it as an input, so it can never be written back. */
export function placeholderFor(why: string): string {
  return `[masked:${why}]`
}
