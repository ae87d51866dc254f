import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { listApprovals, logIn, logOut } from '../../src/cli/approvals.ts'
import { type LoginProvider, loginProviderOf, namedProvider } from '../../src/cli/deviceLogin.ts'
import { loginFilePath, readLogin, saveLogin } from '../../src/cli/loginFile.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { listen } from '../fixtures/wire.ts'

const HOUR = 3_600_000
const never = new AbortController().signal

let gate: RealGate
let home: string
let loginFile: string
let written: { out: string; err: string }
const io = {
  out(text: string) {
    written.out += text
  },
  err(text: string) {
    written.err += text
  },
}
beforeAll(async () => {
  gate = await startRealGate()
}, 60_000)
afterAll(() => gate?.stop())
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'countersign-login-'))
  loginFile = loginFilePath({}, home)
  written = { out: '', err: '' }
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** A person who opens the address that is printed, enters the code and chooses who they are. */
function personAt(choice: string) {
  let visited: Promise<string> | undefined
  const visit = async () => {
    const [, url = '', code = ''] = /Open (\S+) and enter the code (\S+)/.exec(written.out) ?? []
    const entry = await (await fetch(url)).text()
    if (!entry.includes('name="user_code"')) throw new Error('no form for the code')
    const form = new URLSearchParams({ user_code: code.toLowerCase(), person: choice })
    return (await fetch(url, { method: 'POST', body: form })).text()
  }
  return {
    out: (text: string) => {
      io.out(text)
      if (visited === undefined && text.includes('enter the code')) visited = visit()
    },
    err: io.err,
    page: async () => await visited,
  }
}

const logInAs = (choice: string, provider: () => LoginProvider = () => loginProviderOf(gate.gateway.config)) =>
  logIn({ url: gate.url, loginFile, provider }, personAt(choice), never)
const list = () => listApprovals({ url: gate.url, token: undefined, loginFile, json: false, all: false }, io)

test('a reviewer logs in with the code, lists requests without a token, and logs out', async () => {
  expect(await list()).toBe(2)
  expect(written.err).toContain('countersign approvals login')
  expect({ code: await logInAs('grace'), err: written.err.split('\n').length }).toEqual({ code: 0, err: 2 })
  expect(written.out).toContain(`Logged in to ${new URL(gate.url).origin} until `)
  expect(statSync(loginFile).mode & 0o777).toBe(0o600)
  expect(statSync(dirname(loginFile)).mode & 0o777).toBe(0o700)
  const { logins } = JSON.parse(readFileSync(loginFile, 'utf8'))
  const { token } = logins[new URL(gate.url).origin]
  expect(written.out + written.err).not.toContain(token)

  await gate.sql("DELETE FROM jobs WHERE state = 'failed'")
  expect(await list()).toBe(0)
  expect(written.out).toContain('DELETE FROM jobs')

  expect(await logOut({ url: gate.url, loginFile }, io)).toBe(0)
  expect(existsSync(loginFile)).toBe(false)
  expect(await list()).toBe(2)
})

test('without the configuration the provider is named, and the scopes', async () => {
  const scope = `${DEMO_IDS.reviewerApp}/approvals.review`
  expect(await logInAs('grace', () => namedProvider(gate.issuer.issuer, DEMO_IDS.reviewerApp, [scope]))).toBe(0)
  expect(await list()).toBe(0)
})

test('what a person refuses is not kept', async () => {
  expect(await logInAs('nobody')).toBe(1)
  expect(written.err).toBe('The login was refused.\n')
  expect(existsSync(loginFile)).toBe(false)
})

test('a token that the gateway does not accept is not kept', async () => {
  const gateway = createServer((_, response) => {
    response.writeHead(401).end(JSON.stringify({ error: { code: 'ERR_TOKEN_KIND', message: 'No.' } }))
  })
  const url = `http://127.0.0.1:${await listen(gateway)}/mcp`
  const provider = () => loginProviderOf(gate.gateway.config)
  expect(await logIn({ url, loginFile, provider }, personAt('grace'), never)).toBe(2)
  gateway.close()
  expect(written.err).toContain('ERR_TOKEN_KIND')
  expect(existsSync(loginFile)).toBe(false)
})

test.each<[string, () => LoginProvider, number, string]>([
  ['another client', () => namedProvider(gate.issuer.issuer, 'stranger', ['x']), 1, 'public client flows'],
  ['nobody there', () => namedProvider('http://127.0.0.1:9', 'x', ['x']), 2, 'cannot be reached'],
  ['plain http over a network', () => namedProvider('http://id.corp.example', 'x', ['x']), 2, 'use https'],
  ['no client id', () => namedProvider(gate.issuer.issuer, undefined, ['x']), 2, '--client-id'],
])('a login that cannot be says why: %s', async (_, provider, code, why) => {
  expect(await logInAs('grace', provider)).toBe(code)
  expect(written.err).toContain(why)
  expect(existsSync(loginFile)).toBe(false)
})

test('a provider without device codes is named as that', async () => {
  const provider = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ issuer: origin, token_endpoint: `${origin}/token` }))
  })
  const origin = `http://127.0.0.1:${await listen(provider)}`
  expect(await logInAs('grace', () => namedProvider(origin, 'x', ['x']))).toBe(1)
  provider.close()
  expect(written.err).toContain('offers no login with a device code')
})

test('an interrupted login ends at once', async () => {
  const interrupted = new AbortController()
  const stopping = { ...io, out: () => interrupted.abort() }
  const provider = () => loginProviderOf(gate.gateway.config)
  expect(await logIn({ url: gate.url, loginFile, provider }, stopping, interrupted.signal)).toBe(1)
  expect(written.err).toBe('The login was interrupted.\n')
})

test('a login is for one gateway, and only until it expires', async () => {
  await saveLogin(loginFile, 'https://one.example', 'token-1', 2 * HOUR)
  await saveLogin(loginFile, 'https://two.example', 'token-2', HOUR)
  expect(await readLogin(loginFile, 'https://one.example', HOUR)).toBe('token-1')
  expect(await readLogin(loginFile, 'https://three.example', HOUR)).toBeUndefined()
  await expect(readLogin(loginFile, 'https://two.example', HOUR)).rejects.toThrow('has expired')
})

test('a file that others can read, or that is damaged, is not used', async () => {
  await saveLogin(loginFile, 'https://one.example', 'token-1', HOUR)
  chmodSync(loginFile, 0o640)
  await expect(readLogin(loginFile, 'https://one.example', 0)).rejects.toThrow('can be read by others')
  chmodSync(loginFile, 0o600)
  writeFileSync(loginFile, '{"version":1,"logins":{"https://one.example":"token-1"}}')
  await expect(readLogin(loginFile, 'https://one.example', 0)).rejects.toThrow('damaged')
})

test('the file is in the configuration folder of the user; a relative one is ignored', () => {
  expect(loginFilePath({ XDG_CONFIG_HOME: '/cfg' }, '/home/g')).toBe('/cfg/countersign/logins.json')
  for (const folder of ['', 'cfg', undefined]) {
    expect(loginFilePath({ XDG_CONFIG_HOME: folder }, '/home/g')).toBe('/home/g/.config/countersign/logins.json')
  }
})
