/**
 * `*` stands for any characters, none included; everything else for itself. No regular expression, so no pattern can
 * be slow: after each star the earliest continuation is enough.
 */
export function matchesGlob(glob: string, text: string): boolean {
  const [head = '', ...rest] = glob.split('*')
  const tail = rest.pop()
  if (tail === undefined) return glob === text
  if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false
  const end = text.length - tail.length
  let position = head.length
  for (const part of rest) {
    const found = text.indexOf(part, position)
    if (found < 0 || found + part.length > end) return false
    position = found + part.length
  }
  return true
}
