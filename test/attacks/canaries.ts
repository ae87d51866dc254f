/** What stands in every protected cell of the canary database, whole or in part. */
const CANARIES = ['zq7canary', 'hush.example', '739-51-', '7395140', '1971-03-']

/** A text as it can be found in base64 of anything that contains it, whatever stands before and after. */
function base64Cores(text: string): string[] {
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.from('\0'.repeat(before) + text)
      .toString('base64')
      .replaceAll('=', '')
    // The first characters depend on what stands before, the last on what stands after.
    return encoded.slice(Math.ceil((before * 8) / 6), -1)
  })
}

const NEEDLES: readonly string[] = CANARIES.flatMap((text) => [
  text,
  text.toUpperCase(),
  [...text].reverse().join(''),
  Buffer.from(text).toString('hex'),
  ...(text.length > 6 ? base64Cores(text) : []),
])

export interface FoundCanary {
  readonly canary: string
  /** The text around it, for the message. */
  readonly around: string
}

/** The canaries in a text, in any form that is looked for. Empty: none. */
export function findCanaries(text: string): readonly FoundCanary[] {
  // Digests are long enough to hold a short number by chance.
  const plain = text.replaceAll(/\b[0-9a-f]{64}\b/g, '')
  return NEEDLES.flatMap((canary) => {
    const at = plain.indexOf(canary)
    return at < 0 ? [] : [{ canary, around: plain.slice(Math.max(0, at - 120), at + 80) }]
  })
}
