/** Last words of names whose values are secrets: `DB_PASSWORD`, `github-token`, `clientSecret`. */
const LAST_WORDS: ReadonlySet<string> = new Set([
  ...[
    'password',
    'passwd',
    'pwd',
    'pass',
    'passphrase',
    'secret',
    'secrets',
    'token',
    'apikey',
    'credential',
    'credentials',
  ],
  ...[
    'passcode',
    'dockercfg',
    'dockerconfigjson',
    'htpasswd',
    'kubeconfig',
    'authorization',
    'cookie',
    'pgpass',
    'netrc',
  ],
])
const LAST_PAIRS: ReadonlySet<string> = new Set([
  ...['api key', 'access key', 'secret key', 'private key', 'signing key', 'encryption key', 'master key', 'auth key'],
  ...['connection string', 'account key', 'shared key', 'tls key', 'ssh key'],
])

/** What may stand behind such a word: `password.txt`, `SECRET_KEY_BASE`, `TOKEN_OLD`. */
const QUALIFIERS: ReadonlySet<string> = new Set(['base', 'txt', 'old', 'new', 'previous', 'current', 'b', 'plain'])
/** Written as one word: `PGPASSWORD`, `accesstoken`. */
const RUN_TOGETHER =
  /(?:password|passwd|passphrase|apikey|secretkey|accesskey|privatekey|accesstoken|authtoken|clientsecret)s?$/

function isPair(words: readonly string[]): boolean {
  return LAST_PAIRS.has(words.slice(-2).join(' ').replace(/s$/, ''))
}

/** Whether a value under this name (a key, a variable of a container) is a secret by what it is called. */
export function isSecretName(name: string): boolean {
  if (name.length > 253) return false
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => (/^v\d+$/.test(word) ? '' : word.replace(/\d+$/, '')))
    .filter((word) => word !== '')
  while (QUALIFIERS.has(words.at(-1) ?? '')) words.pop()
  const last = words.at(-1) ?? ''
  return LAST_WORDS.has(last) || RUN_TOGETHER.test(last) || isPair(words)
}
