import { expect, test } from 'vitest'
import { httpConnection } from '../../../src/tools/http_request/settings.ts'

const read = (settings: Readonly<Record<string, unknown>>) =>
  httpConnection.safeParse({ type: 'http', baseUrl: 'https://deploy.internal/api/', ...settings })
const problemOf = (settings: Readonly<Record<string, unknown>>) => read(settings).error?.issues[0]?.message

test('what is not said is chosen carefully', () => {
  expect(read({ headers: { Authorization: { env: 'AUTH' } } }).data).toMatchObject({
    allowHeaders: ['accept', 'accept-language', 'content-type', 'if-match', 'if-none-match'],
    readMethods: ['GET', 'HEAD', 'OPTIONS'],
    idempotencyHeader: 'idempotency-key',
    mask: [],
    allowPrivate: false,
    limits: { timeout: 30_000, maxBytes: 1024 ** 2, maxRequestBytes: 64 * 1024 },
  })
})

test.each([
  'https://api.example',
  'https://api.example:8443/v1/',
  'https://10.0.0.1/api',
  'https://[fd12::1]/',
  'http://127.0.0.1:8080/x',
  'http://localhost:3000',
  'http://[::1]:3000/',
])('%s is a base URL', (baseUrl) => {
  expect(problemOf({ baseUrl })).toBeUndefined()
})

test.each([
  'http://api.example/',
  'http://10.0.0.1/',
  'ftp://api.example/',
  'https://user:password@api.example/',
  'https://@api.example/',
  'https://api.example/?a=b',
  'https://api.example/#a',
  'https://api.example./',
  'https://169.254.169.254/latest/',
  'https://2852039166/',
  'https://0xa9fea9fe/',
  'https://[::ffff:169.254.169.254]/',
  'https://[fe80::1]/',
  'https://0.0.0.0/',
  'https://api.example/a%2fb/',
  'https://api.example/a;b/',
  'https://api.example//a/',
  'api.example',
  '/api',
  'file:///etc/passwd',
])('%s is not', (baseUrl) => {
  expect(problemOf({ baseUrl })).toBeDefined()
})

test('a credential is a reference, never a value', () => {
  for (const name of ['authorization', 'Cookie', 'X-Api-Key', 'PRIVATE-TOKEN', 'X-Auth-Token', 'Proxy-Authorization']) {
    expect(problemOf({ headers: { [name]: 'Bearer abc' } }), name).toBeDefined()
  }
  expect(problemOf({ headers: { 'X-GitHub-Api-Version': '2022-11-28' } })).toBeUndefined()
})

test('headers that change the framing are nobody’s; a name is not a reference by accident', () => {
  for (const name of [
    'host',
    'Content-Length',
    'transfer-encoding',
    'connection',
    'expect',
    'env',
    'File',
    'a b',
    'x_y',
    'é',
  ]) {
    expect(problemOf({ headers: { [name]: 'x' } }), name).toBeDefined()
  }
  expect(problemOf({ headers: { 'x-a': '1', 'X-A': '2' } })).toBeDefined()
  expect(problemOf({ headers: { 'x-a': 'a\r\nhost: b' } })).toBeDefined()
})

test('what callers may set has limits that no setting moves', () => {
  for (const name of [
    'Host',
    'authorization',
    'cookie',
    'X-Forwarded-For',
    'X-HTTP-Method-Override',
    'x-original-url',
    'range',
    'proxy-x',
    'sec-fetch-mode',
    'te',
  ]) {
    expect(problemOf({ allowHeaders: [name] }), name).toMatch(/never set/)
  }
  expect(problemOf({ headers: { 'x-team': 'a' }, allowHeaders: ['X-Team'] })).toMatch(/holds/)
  expect(problemOf({ showHeaders: ['set-cookie'] })).toBeDefined()
  expect(problemOf({ showHeaders: ['link', 'x-ms-continuationtoken'] })).toBeUndefined()
})

test('rules for masking are pointers', () => {
  expect(problemOf({ mask: ['/users/*/email', '/**/ssn', '/a~1b'] })).toBeUndefined()
  for (const rule of ['users.email', '', 'a/b', '/a~2']) expect(problemOf({ mask: [rule] }), rule).toBeDefined()
})
