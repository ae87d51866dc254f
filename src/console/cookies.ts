import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** How the console names and protects its cookies at one public address. */
export interface CookieJar {
  readonly sessionName: string
  readonly loginName: string
  /** Sent by the browser only to pages of this site that were opened from it: nobody else's link carries it. */
  session(id: string, maxAgeSeconds: number): string
  /** Lax, because the identity provider sends the browser back from another site. */
  login(sealed: string): string
  clear(name: string): string
}

const LOGIN_SECONDS = 600

/** `__Host-` names (RFC 6265bis) bind a cookie to this host and to https; plain http is for loopback addresses only. */
export function cookieJarFor(publicOrigin: string): CookieJar {
  const isSecure = publicOrigin.startsWith('https:')
  // Browsers keep cookies of one host together, whatever the port: two gateways on one machine must not share them.
  const suffix = isSecure ? '' : `_${new URL(publicOrigin).port || '80'}`
  const name = (plain: string) => `${isSecure ? '__Host-' : ''}countersign_${plain}${suffix}`
  const attributes = (sameSite: string, maxAge: number) =>
    `; Path=/; HttpOnly${isSecure ? '; Secure' : ''}; SameSite=${sameSite}; Max-Age=${maxAge}`
  const sessionName = name('session')
  const loginName = name('login')
  return {
    sessionName,
    loginName,
    session: (id, maxAgeSeconds) => `${sessionName}=${id}${attributes('Strict', maxAgeSeconds)}`,
    login: (sealed) => `${loginName}=${sealed}${attributes('Lax', LOGIN_SECONDS)}`,
    clear: (cookie) => `${cookie}=${attributes(cookie === sessionName ? 'Strict' : 'Lax', 0)}`,
  }
}

/** Keeps small values in the browser that only this process can read or make (AES-256-GCM), for ten minutes. */
export interface Seal {
  close(value: Readonly<Record<string, string>>): string
  /** Undefined for anything that this process did not seal, and for what is too old. */
  open(sealed: string): Readonly<Record<string, string>> | undefined
}

/** An unfinished login is kept in the browser, so that strangers who begin many cost no memory here. */
export function createSeal(now: () => number): Seal {
  const key = randomBytes(32)
  return {
    close(value) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv)
      const text = JSON.stringify({ value, until: now() + LOGIN_SECONDS * 1000 })
      return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url')
      if (bytes.length < 29) return undefined
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 })
        decipher.setAuthTag(bytes.subarray(-16))
        const text = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8')
        const { value, until } = JSON.parse(text) as { value: Readonly<Record<string, string>>; until: number }
        return now() < until ? value : undefined
      } catch {
        return undefined
      }
    },
  }
}
