import { describe, expect, test } from 'vitest'
import { GateError } from '../../../src/errors.ts'
import { readRequest, type WrittenRequest } from '../../../src/tools/http_request/readRequest.ts'
import { settingsOf } from './openHttp.ts'

const settings = settingsOf({
  baseUrl: 'https://api.example/v1/',
  headers: { authorization: { env: 'X' }, 'X-Team': 'infra' },
  allowHeaders: ['accept', 'content-type', 'if-match', 'x-trace'],
  limits: { maxRequestBytes: '1KiB' },
})
const read = (written: Partial<WrittenRequest>) =>
  readRequest({ method: 'POST', path: '/', query: {}, headers: {}, ...written }, settings)
const codeOf = (written: Partial<WrittenRequest>) => {
  try {
    read(written)
    return undefined
  } catch (error) {
    return error instanceof GateError ? error.code : error
  }
}

describe('headers', () => {
  test('allowed ones are taken, by names in lower case', () => {
    expect(read({ headers: { Accept: 'text/plain', 'If-Match': '"abc"' } }).headers).toEqual([
      ['accept', 'text/plain'],
      ['if-match', '"abc"'],
    ])
  })

  test.each([
    ...[
      'Host',
      'Content-Length',
      'Transfer-Encoding',
      'Connection',
      'Keep-Alive',
      'TE',
      'Trailer',
      'Upgrade',
      'Expect',
    ],
    ...[
      'Authorization',
      'Cookie',
      'X-Forwarded-For',
      'X-Forwarded-Host',
      'Forwarded',
      'X-Real-IP',
      'Proxy-Authorization',
    ],
    ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-URL', 'X-Rewrite-URL', 'Range'],
    ...[
      'Accept-Encoding',
      'X-Team',
      'Idempotency-Key',
      'X-Unknown',
      'x_trace',
      'X-Trace ',
      ' x-trace',
      'x-trace:',
      '',
      ':path',
    ],
    ...['accept\r\nhost', 'x\u0000', 'áccept', '__proto__'],
  ])('%j is not the caller’s to set', (name) => {
    expect(codeOf({ headers: { [name]: 'x' } })).toBe('ERR_HTTP_HEADER')
  })

  test.each(['a\r\nhost: b', 'a\nb', 'a\0', 'é', ' a', 'a ', '', 'a\tb', '\u{1F600}', 'a'.repeat(3_000)])(
    'the value %j is refused',
    (value) => {
      expect(codeOf({ headers: { 'x-trace': value } })).toBe('ERR_HTTP_HEADER')
    },
  )

  test('one header in two spellings is refused', () => {
    expect(codeOf({ headers: { accept: 'a', Accept: 'b' } })).toBe('ERR_HTTP_HEADER')
  })
})

describe('query', () => {
  test('is encoded so that it can be read in one way only', () => {
    expect(read({ query: { 'a b': "1&c=2#x'", list: ['x', 'y/z'], empty: '' } }).sentPath).toBe(
      '/v1/?a%20b=1%26c%3D2%23x%27&list=x&list=y%2Fz&empty=',
    )
  })

  test.each([
    { _method: 'DELETE' },
    { _METHOD: 'DELETE' },
    { 'X-HTTP-Method-Override': 'DELETE' },
    { '_method[]': 'DELETE' },
    { '.method': 'DELETE' },
    { '': 'x' },
    { a: '\0' },
    { a: 'b\r\n' },
    { 'a\n': 'b' },
    { a: '\uD800' },
    { a: Array.from({ length: 201 }, () => 'x') },
    { a: 'x'.repeat(9_000) },
  ])('%j is refused', (query) => {
    expect(codeOf({ query: query as unknown as WrittenRequest['query'] })).toBe('ERR_HTTP_REQUEST')
  })
})

describe('body', () => {
  test('JSON is written anew from what was read', () => {
    expect(read({ body: { b: 1, a: [null, 'x'] } }).body).toMatchObject({
      kind: 'json',
      text: '{"b":1,"a":[null,"x"]}',
      contentType: 'application/json',
    })
    expect(read({ body: ' {"b" : 1.0,\n"a": "\\u0041"} ' }).body).toMatchObject({
      kind: 'json',
      text: '{"b":1,"a":"A"}',
    })
    expect(read({ body: '{"a":1}', headers: { 'content-type': 'application/vnd.x+json' } }).body).toMatchObject({
      kind: 'json',
      contentType: 'application/vnd.x+json',
    })
  })

  test('text is text', () => {
    expect(read({ body: 'hello' }).body).toMatchObject({
      kind: 'text',
      text: 'hello',
      contentType: 'text/plain; charset=utf-8',
    })
    expect(read({ body: '<job/>', headers: { 'content-type': 'application/xml' } }).body).toMatchObject({
      kind: 'text',
    })
    expect(read({ body: '{not json' }).body).toMatchObject({ kind: 'text' })
  })

  test.each<Partial<WrittenRequest>>([
    { method: 'GET', body: {} },
    { method: 'HEAD', body: 'x' },
    { headers: { 'content-type': 'application/json' } },
    { body: '{"a":1,"a":2}' },
    { body: '{"a":1,"\\u0061":2}' },
    { body: 'no json', headers: { 'content-type': 'application/json' } },
    { body: { a: 1 }, headers: { 'content-type': 'text/plain' } },
    { body: 'x', headers: { 'content-type': 'multipart/form-data; boundary=x' } },
    { body: 'x', headers: { 'content-type': 'application/octet-stream' } },
    { body: 'x', headers: { 'content-type': 'text/plain; charset=utf-7' } },
    { body: '{"a":1}', headers: { 'content-type': 'application/json; charset=utf-16' } },
    { body: { id: 2 ** 53 } },
    { body: '{"id":9007199254740993}' },
    { body: { n: Number.POSITIVE_INFINITY } },
    { body: { a: '\uD800' } },
    { body: '\uD800' },
    { body: { _method: 'DELETE' } },
    { body: '{"_method":"DELETE"}' },
    { body: 'a=b&_method=DELETE', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    { body: 'a=b&%5Fmethod=DELETE', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    { body: 'x'.repeat(1_025) },
    { body: { a: 'é'.repeat(600) } },
    { body: JSON.parse(`${'['.repeat(70)}${']'.repeat(70)}`) },
  ])('%j is refused', (written) => {
    expect(codeOf(written)).toBe('ERR_HTTP_REQUEST')
  })
})
