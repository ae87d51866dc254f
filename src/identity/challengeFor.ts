import { ERRORS, type GateError } from '../errors.ts'

/** Where clients find out how to log in. Both come from the config, and are published as they are. */
interface ChallengeSource {
  readonly resourceMetadataUrl: string
  /** The fully qualified scope; see challengeScope. */
  readonly scope: string | undefined
}

/**
 * The WWW-Authenticate value for a refusal (RFC 6750 section 3, RFC 9728 section 5.1); undefined when the status needs
 * none. Made of constants and config alone: nothing of the request or of the error's detail gets into a header.
 */
export function challengeFor(
  error: Pick<GateError, 'code'>,
  { resourceMetadataUrl, scope }: ChallengeSource,
): string | undefined {
  const { status, message } = ERRORS[error.code]
  const parts: string[] = []
  if (error.code !== 'ERR_TOKEN_MISSING') {
    if (status === 401) parts.push('error="invalid_token"', `error_description=${quoted(message)}`)
    else if (error.code === 'ERR_SCOPE_MISSING') parts.push('error="insufficient_scope"')
    // A role cannot be asked for like a scope: naming one would send clients into a login loop.
    else return undefined
  }
  parts.push(`resource_metadata=${quoted(resourceMetadataUrl)}`)
  if (scope !== undefined) parts.push(`scope=${quoted(scope)}`)
  return `Bearer ${parts.join(', ')}`
}

/** Throws a TypeError for what would break out of the header: that is a mistake in a constant or in the config. */
function quoted(text: string): string {
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(text)) throw new TypeError('not fit for a header')
  return `"${text}"`
}
