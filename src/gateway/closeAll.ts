/** How to close what has been opened, in the order in which it was opened. */
export type Closing = (() => unknown)[]

/** Closes the latest first, and each once, however often this is called. */
export async function closeAll(closing: Closing): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close()
}
