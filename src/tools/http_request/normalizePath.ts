import { GateError } from '../../errors.ts'

/** A path that was understood: `path` is judged, `sent` is what goes over the wire, and each follows from the other. */
export interface NormalPath {
  /** Decoded, starts with `/`: what policy sees. */
  readonly path: string
  /** The one way in which it is written (RFC 3986, 3.3). */
  readonly sent: string
}

const MAX_LENGTH = 4_096

/**
 * Characters of a decoded segment that mean the same to every server. Not `%` (decoded twice it would be another path),
 * `/` and `\` (which some take for separators), `;` (which some cut off, as parameters), `?` and `#` (which end a path).
 * Beyond ASCII letters, marks and digits only: "fullwidth" and "fraction" slashes become real ones on some servers.
 */
const SEGMENT = /^[A-Za-z0-9\-._~!$&'()*+,=:@ \p{L}\p{M}\p{N}]*$/u

/**
 * The path below a base, brought into one form: percent-decoded once, dot segments resolved. What two servers could read
 * differently is refused, never repaired: encoded separators and dots, double encoding, overlong UTF-8, empty segments,
 * path parameters, and names that some file systems take for others.
 *
 * @throws GateError ERR_HTTP_PATH
 */
export function normalizePath(written: string): NormalPath {
  if (written.length > MAX_LENGTH) refuse(`It is longer than ${MAX_LENGTH} characters.`)
  if (!written.isWellFormed()) refuse('It contains half a character.')
  if (/[?#]/.test(written)) refuse('Put parameters into `query`; a fragment is never sent.')
  const [, ...parts] = (written.startsWith('/') ? written : `/${written}`).split('/')
  const segments: string[] = []
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1
    if (part === '.' || part === '..') {
      if (part === '..' && segments.pop() === undefined) refuse('It leads out of the base URL.')
      if (isLast) segments.push('')
    } else if (part === '' && !isLast) refuse('It has an empty segment (`//`).')
    else segments.push(decodeSegment(part))
  }
  return { path: `/${segments.join('/')}`, sent: `/${segments.map(encodeSegment).join('/')}` }
}

function decodeSegment(part: string): string {
  let segment: string
  try {
    // Refuses what is not well-formed UTF-8: overlong forms, surrogates, cut sequences.
    segment = decodeURIComponent(part)
  } catch {
    refuse('A percent sign is not followed by the UTF-8 of a character.')
  }
  if (segment === '.' || segment === '..') refuse('A dot segment is percent-encoded.')
  if (!SEGMENT.test(segment)) {
    refuse('A character is read differently by different servers: one of % / \\ ; ? # " < > [ ] ^ ` { | } or a symbol.')
  }
  if (/\p{Default_Ignorable_Code_Point}/u.test(segment) || segment.normalize('NFKC') !== segment) {
    refuse('A character has another form that looks the same.')
  }
  // Some file systems drop these, so that `admin.` is `admin`.
  if (/^ |[ .]$/.test(segment)) refuse('A segment begins with a space, or ends with a space or a dot.')
  return segment
}

function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(/%(?:24|26|2B|2C|3A|3D|40)/g, decodeURIComponent)
}

function refuse(detail: string): never {
  throw new GateError('ERR_HTTP_PATH', { detail })
}
