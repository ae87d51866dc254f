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

/** Whether a value under this name (a key, a variable of a container) is a secret by what it is called. */
export function isSecretName(name: string): boolean {
  if (name.length > 253) return false
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !/^\d+$/.test(word))
  return LAST_WORDS.has(words.at(-1) ?? '') || LAST_PAIRS.has(words.slice(-2).join(' '))
}
