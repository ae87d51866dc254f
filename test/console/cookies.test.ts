import { describe, expect, test } from 'vitest'
import { cookieJarFor, createSeal } from '../../src/console/cookies.ts'

describe('cookies', () => {
  test('over https they are bound to the host and to https', () => {
    const jar = cookieJarFor('https://gate.corp.example')
    expect(jar.session('id', 60)).toBe(
      '__Host-countersign_session=id; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=60',
    )
    expect(jar.login('x')).toBe('__Host-countersign_login=x; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=600')
    expect(jar.clear(jar.sessionName)).toBe(
      '__Host-countersign_session=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0',
    )
  })

  test('two gateways on one machine do not share theirs', () => {
    const [one, other] = [cookieJarFor('http://127.0.0.1:8787'), cookieJarFor('http://127.0.0.1:8788')]
    expect(one.sessionName).not.toBe(other.sessionName)
  })
})

describe('what is sealed', () => {
  test('opens again, for ten minutes', () => {
    let now = 1_000
    const seal = createSeal(() => now)
    const sealed = seal.close({ state: 's' })
    expect(seal.open(sealed)).toEqual({ state: 's' })
    now += 600_000
    expect(seal.open(sealed)).toBeUndefined()
  })

  test('does not open when a bit of it was changed, when it was cut, or by another process', () => {
    const seal = createSeal(() => 0)
    const bytes = Buffer.from(seal.close({ state: 's' }), 'base64url')
    for (let index = 0; index < bytes.length; index += 1) {
      const forged = Buffer.from(bytes)
      forged[index] = (forged[index] ?? 0) ^ 1
      expect(seal.open(forged.toString('base64url'))).toBeUndefined()
    }
    for (const length of [0, 5, 28, bytes.length - 1]) {
      expect(seal.open(bytes.subarray(0, length).toString('base64url'))).toBeUndefined()
    }
    expect(createSeal(() => 0).open(bytes.toString('base64url'))).toBeUndefined()
  })
})
