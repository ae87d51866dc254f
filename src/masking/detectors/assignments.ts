import { detectByPattern } from './detector.ts'
import { isStandIn } from './standIn.ts'

/** Names that announce a secret, with whatever stands between their words taken out: `client_secret` is `clientsecret`. */
const SECRET_NAMES = [
  'password',
  'passwd',
  'passphrase',
  'clientsecret',
  'secretaccesskey',
  'secretkey',
  'apikey',
  'accesstoken',
  'refreshtoken',
  'authtoken',
  'sessiontoken',
  'privatekey',
] as const

/**
 * Whether a value under this name (a JSON key, a column) is a secret by what it is called. Short of a full secret name,
 * `token` and `secret` count when the value looks like one, because they also name harmless things.
 */
export function isSecretByName(name: string, value: string): boolean {
  // Asked for every cell, and almost every name ends here.
  if (!/pass|secret|key|token|pwd/i.test(name)) return false
  if (name.length > 128 || value.length < 4 || isStandIn(value) || TYPE_NAME.test(value)) return false
  const plain = name.replace(/[_\-.\s]/g, '').toLowerCase()
  if (SECRET_NAMES.some((secret) => plain.endsWith(secret))) return true
  return (plain === 'token' || plain === 'secret' || plain === 'pwd') && looksRandom(value)
}

const TYPE_NAME =
  /^(?:string|str|text|varchar|char|bytes|number|int|boolean|bool|any|object|self|this|bytea|citext|secretstr)\??$/i

const NAME =
  '(?:password|passwd|passphrase|pwd|client[_-]?secret|secret[_-]?access[_-]?key|secret[_-]?key|api[_-]?key|access[_-]?token|refresh[_-]?token|auth[_-]?token|session[_-]?token|private[_-]?key)'
const SEPARATOR = '(?:\\\\{0,3}["\'])?[ \\t]{0,8}(?:=>|:=|=|:)[ \\t]{0,8}'
const ESCAPED = '\\\\{1,3}["\'](?<secretEscaped>[^"\'\\\\\\r\\n]{1,512})'
const DOUBLE = '"(?<secretDouble>(?:[^"\\\\\\r\\n]|\\\\.|""){1,512})"'
const SINGLE = "'(?<secretSingle>(?:[^'\\\\\\r\\n]|\\\\.|''){1,512})'"
const BARE = '(?<secretBare>[^\\s"\'`&;,<>(){}\\[\\]|\\\\]{1,512})'

/** `password=...`, `"client_secret": "..."`, `api-key: ...`: only the value is hidden. */
export const assignments = [
  detectByPattern({
    name: 'password-assignment',
    anchors: [
      'passw',
      'passphrase',
      'pwd',
      'secret',
      'api_key',
      'api-key',
      'apikey',
      'access_token',
      'access-token',
      'accesstoken',
      'refresh_token',
      'refresh-token',
      'refreshtoken',
      'auth_token',
      'auth-token',
      'authtoken',
      'session_token',
      'session-token',
      'sessiontoken',
      'private_key',
      'private-key',
      'privatekey',
    ],
    pattern: new RegExp(`${NAME}${SEPARATOR}(?:${ESCAPED}|${DOUBLE}|${SINGLE}|${BARE})`, 'gi'),
    accept(secret, match) {
      if (secret.length < 4 || isStandIn(secret)) return false
      if (match.groups?.secretBare === undefined) return true
      const behind = match.input[match.index + match[0].length]
      if (behind === '(' || behind === '[' || looksLikeCode(secret)) return false
      // After a colon and a space prose is as likely as a value: `password: must be long`.
      return /[=]/.test(match[0]) ? true : looksRandom(secret)
    },
  }),
  detectByPattern({
    name: 'password-assignment',
    // SQL: CREATE ROLE x PASSWORD '...', IDENTIFIED BY '...'.
    anchors: ['password', 'identified'],
    pattern: /(?:\bpassword|\bidentified\s{1,8}by)\s{1,8}'(?<secret>(?:[^'\r\n]|''){4,512})'/gi,
    accept: (secret) => !isStandIn(secret),
  }),
  detectByPattern({
    name: 'kubeconfig-token',
    anchors: ['current-context', 'clusters:'],
    pattern: /\btoken:[ \t]{1,8}["']?(?<secret>[A-Za-z0-9._~+/=-]{16,8192})/g,
  }),
  detectByPattern({
    name: 'social-security-number',
    // Without the word beside it three groups of digits are as often an order or a part number.
    anchors: ['ssn', 'social security', 'social_security', 'social-security'],
    pattern:
      /(?:\bssn|social[ _-]security)[^\d\r\n]{0,40}(?<secret>(?!000|666|9\d\d)\d{3}[- ]?(?!00)\d{2}[- ]?(?!0000)\d{4})(?!\d)/gi,
  }),
] as const

/** A reference in source code (`config.password`, `user`, `/home/x`, a type name) and not a value. */
function looksLikeCode(value: string): boolean {
  return (
    value.startsWith('/') ||
    TYPE_NAME.test(value) ||
    /^[A-Za-z_$][A-Za-z0-9_$]{0,63}(?:\??\.[A-Za-z_$][A-Za-z0-9_$]{0,63}){1,8}!?$/.test(value) ||
    SECRET_NAMES.some((name) => value.replace(/[_-]/g, '').toLowerCase() === name)
  )
}

/** A word has one case and no digits; what was drawn or chosen as a secret seldom does. */
function looksRandom(value: string): boolean {
  if (/[\s]/.test(value)) return false
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9.:-]/].filter((kind) => kind.test(value)).length
  return value.length >= 6 && (classes >= 3 || (classes >= 2 && /\d/.test(value)))
}
