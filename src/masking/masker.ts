import type { CredentialDetector } from './credentials.ts'
import { isSecretByName } from './detectors/assignments.ts'
import { findSecrets } from './findSecrets.ts'
import { joinedCopyOf } from './joinedCopy.ts'
import { type PlainCopy, plainCopyOf } from './plainCopy.ts'
import type { Span } from './span.ts'
import { unescapedCopiesOf } from './unescapedCopy.ts'

/** What to hide in texts of one call. */
export interface Masker {
  /** Secrets by shape, secrets by the name of the value (a column, a JSON key), and server-held credentials. */
  findIn(text: string, name?: string): readonly Span[]
  /** Server-held credentials alone: for text that is code, where only whole literals may be judged by shape. */
  findCredentialsIn(text: string): readonly Span[]
  /** Another object as soon as there are other credentials: what was masked before may show one of them. */
  edition(): object
}

/**
 * A masker for one call. `onCredentialHit` is called once, the first time that a server-held credential shows up in
 * anything of this call: such a value never belongs in a call, and the pipeline suspends a caller who keeps meeting it.
 */
export function createMasker(credentials: CredentialDetector, onCredentialHit: () => void): Masker {
  let reported = false
  const search = (text: string, copy: PlainCopy | undefined): readonly Span[] => {
    const spans = [...credentials.find(text)]
    for (const other of [copy, joinedCopyOf(text), ...unescapedCopiesOf(text)]) {
      if (other === undefined) continue
      for (const span of credentials.find(other.text)) spans.push(other.inOriginal(span))
    }
    if (spans.length > 0 && !reported) {
      reported = true
      onCredentialHit()
    }
    return spans
  }
  return {
    findCredentialsIn: (text) => search(text, plainCopyOf(text)),
    edition: () => credentials.edition(),
    findIn(text, name) {
      const copy = plainCopyOf(text)
      const credentialSpans = search(text, copy)
      if (name !== undefined && isSecretByName(name, text)) {
        return [{ start: 0, end: text.length, why: 'secret-by-name' }]
      }
      const secrets = findSecrets(text, copy)
      return credentialSpans.length === 0 ? secrets : [...credentialSpans, ...secrets]
    },
  }
}
