import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GateError } from '../../../src/errors.ts'
import { normalizePath } from '../../../src/tools/http_request/normalizePath.ts'

test.each([
  ['', '/', '/'],
  ['/', '/', '/'],
  ['builds/7', '/builds/7', '/builds/7'],
  ['/builds/7/', '/builds/7/', '/builds/7/'],
  ['/%62uilds/%37', '/builds/7', '/builds/7'],
  ['/a/./b', '/a/b', '/a/b'],
  ['/a/../b', '/b', '/b'],
  ['/a/b/..', '/a/', '/a/'],
  ['/a/b/.', '/a/b/', '/a/b/'],
  ['/job/my job/build', '/job/my job/build', '/job/my%20job/build'],
  ['/job/my%20job/build', '/job/my job/build', '/job/my%20job/build'],
  ['/größe', '/größe', '/gr%C3%B6%C3%9Fe'],
  ['/gr%c3%b6%C3%9Fe', '/größe', '/gr%C3%B6%C3%9Fe'],
  ['/漢字', '/漢字', '/%E6%BC%A2%E5%AD%97'],
  ["/Users('id')", "/Users('id')", "/Users('id')"],
  ['/a:b@c/d,e/f+g=h&i', '/a:b@c/d,e/f+g=h&i', '/a:b@c/d,e/f+g=h&i'],
  ['/.well-known/x', '/.well-known/x', '/.well-known/x'],
  ['/v1.2/file.tar.gz', '/v1.2/file.tar.gz', '/v1.2/file.tar.gz'],
])('%j is the path %j, and is sent as %j', (written, path, sent) => {
  expect(normalizePath(written)).toEqual({ path, sent })
})

test.each([
  ['out of the base', ['/..', '/../admin', '/a/../../b', '..', '/a/b/../../../c']],
  ['encoded dot segments', ['/a/%2e%2e/b', '/%2E', '/a/.%2e/b', '/a/%2e./b', '/%2e%2e']],
  ['double encoding', ['/a/%252e%252e/b', '/a%252fb', '/%25', '/100%25', '/%2541', '/a%25b']],
  ['separators in disguise', ['/a%2fb', '/a%2Fb', '/a\\b', '/a%5cb', '/a%5C..%5Cb', '\\\\evil.example\\x', '/..\\x']],
  ['empty segments', ['//', '//evil.example/x', '/a//b', '///', 'http://evil.example/', '/a/.//b']],
  [
    'broken and overlong encodings',
    ['/%', '/%4', '/%zz', '/%u002e', '/%c0%ae%c0%ae', '/%c0%af', '/%e0%80%af', '/%ff', '/%ed%a0%80'],
  ],
  [
    'queries, fragments and parameters',
    ['/a?b', '/a#b', '/a%3fb', '/a%23b', '/a;b', '/a;jsessionid=1', '/a%3bb', '/..;/b'],
  ],
  [
    'control characters',
    ['/a\0', '/a%00', '/a\r\nHost: x', '/a%0d%0aHost:%20x', '/a%09', '/a\n', '/a%7f', '/a%c2%85', '/a\u2028'],
  ],
  [
    'looks like another character',
    [
      '/\uFF0e\uFF0e/',
      '/a\uFF0Fb',
      '/a\u2215b',
      '/a\u2044b',
      '/\u2024\u2024/x',
      '/a\uFF3Cb',
      '/%EF%BC%8F',
      '/ad\u200Bmin',
      '/ad\u00ADmin',
      '/\u212Aey',
      '/e\u0301x',
      '/a\uFE0F',
      '/a\u3164',
      '/a\u202Eb',
    ],
  ],
  ['names that file systems take for others', ['/admin.', '/admin%20', '/admin /x', '/ admin', '/...', '/a/.../b']],
  ['symbols', ['/a"b', '/<script>', '/a|b', '/a^b', '/a`b', '/{id}', '/a[0]', '/😀']],
  ['half a character', ['/\uD800', '/a\uDC00']],
])('%s are refused', (_, paths) => {
  for (const path of paths) {
    let result: unknown
    try {
      result = normalizePath(path)
    } catch (error) {
      result = error
    }
    expect(result, JSON.stringify(path)).toBeInstanceOf(GateError)
    expect(result).toMatchObject({ code: 'ERR_HTTP_PATH' })
  }
})

test('the refusal says what was wrong, and repeats nothing', () => {
  const detailOf = (path: string) => {
    try {
      return normalizePath(path)
    } catch (error) {
      return error instanceof GateError ? error.detail : error
    }
  }
  expect(detailOf('/a/%2e%2e/b')).toBe('A dot segment is percent-encoded.')
  expect(detailOf('/../b')).toBe('It leads out of the base URL.')
  expect(detailOf('/a?b=c')).toBe('Put parameters into `query`; a fragment is never sent.')
})

test('a path of any length is refused or short', () => {
  expect(() => normalizePath(`/${'a'.repeat(5_000)}`)).toThrow(GateError)
  expect(() => normalizePath('/a'.repeat(3_000))).toThrow(GateError)
})

/** Paths made of what attacks are made of. */
const hostile = fc
  .array(
    fc.constantFrom(
      ...[
        '/',
        '.',
        '..',
        '%2e',
        '%2f',
        '%5c',
        '\\',
        'a',
        'B',
        '%41',
        '%25',
        '%00',
        ';',
        ' ',
        'é',
        '%c3%a9',
        '\uFF0F',
        '*',
        '~',
      ],
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

test('what is sent reads as what was judged, for our reader, for URL, and once more', () => {
  let understood = 0
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string({ unit: 'grapheme' }), fc.webPath()), (written) => {
      let normal: ReturnType<typeof normalizePath>
      try {
        normal = normalizePath(written)
      } catch {
        return
      }
      understood++
      expect(normalizePath(normal.sent)).toEqual(normal)
      expect(new URL(`https://api.example${normal.sent}`).pathname).toBe(normal.sent)
      expect(decodeURIComponent(normal.sent)).toBe(normal.path)
      expect(normal.sent).toMatch(/^(?:\/[A-Za-z0-9\-._~!$&'()*+,=:@%]*)+$/)
      expect(normal.path.split('/')).not.toContain('..')
    }),
    { numRuns: 20_000 },
  )
  expect(understood).toBeGreaterThan(2_000)
})
