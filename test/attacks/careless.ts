import { createGzip, gzipSync } from 'node:zlib'
import { type Answering, type Arrived, headerOf, sendJson } from '../tools/http_request/targetServer.ts'

/** What stands in every protected member of the careless server's users. */
export const HIDDEN_EMAIL = 'zq7canary@hush.example'

/**
 * What a careless server makes of a request: it decodes twice, takes `\` and `;` for separators, ignores case, and
 * believes whoever names another method, path or address. Answers what it would have been talked into, if anything.
 */
export function talkedInto({ method, target, rawHeaders, body }: Arrived): string | undefined {
  const names = rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase().replaceAll('_', '-'))
  const believed = names.find((name) =>
    /^(?:x-forwarded|forwarded|x-real|x-original|x-rewrite|x-http|x-method|cookie|te$|range|expect|upgrade)/.test(name),
  )
  if (believed !== undefined) return `the header ${believed}`
  if (new Set(names).size !== names.length) return 'a header that is there twice'
  if (!target.startsWith('/api/') && target !== '/api') return `the path ${target}`
  const [path = '', query = ''] = target.split('?')
  const twice = decodeLoosely(decodeLoosely(path))
    .replaceAll('\\', '/')
    .replace(/;[^/]*/g, '')
    .normalize('NFKC')
    .toLowerCase()
  if (/\/admin/.test(new URL(twice.replaceAll('//', '/'), 'http://x').pathname)) return `the path ${target}`
  if (/_method/i.test(decodeLoosely(query)) || /_method/i.test(body)) return `another method than ${method}`
  return undefined
}

function decodeLoosely(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** As many JSON encoders write what is no letter. */
function escapeMarks(text: string): string {
  return text.replace(/[^a-z0-9 ]/gi, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Answers as the corpus needs it: redirects, echoes of what was sent, too much, too slow, nothing. */
export const answerCarelessly: Answering = (request, response, raw) => {
  const path = request.target.replace(/\?.*/, '').slice('/api'.length)
  const credential = headerOf(request, 'authorization') ?? ''
  const redirect = (location: string) => response.writeHead(302, { location }).end()
  const text = (body: string | Buffer, headers: Readonly<Record<string, string>> = {}) =>
    response.writeHead(200, { 'content-type': 'text/plain', ...headers }).end(body)
  switch (path) {
    case '/redirect/metadata':
      return redirect('http://169.254.169.254/latest/meta-data/iam/')
    case '/redirect/relative':
      return redirect('/admin/users')
    case '/redirect/downgrade':
      return redirect(`http://${raw.headers.host}/admin?token=1`)
    case '/redirect/loop':
      return redirect('/api/redirect/loop')
    case '/redirect/refresh':
      return text('<meta http-equiv="refresh" content="0;url=/admin">', { refresh: '0; url=/admin' })
    case '/echo/headers':
      return sendJson(response, { headers: request.rawHeaders, said: `you sent ${credential}` })
    case '/echo/base64':
      return sendJson(response, {
        token: Buffer.from(`x${credential}`).toString('base64'),
        hex: Buffer.from(credential).toString('hex'),
      })
    case '/echo/text':
      return sendJson(response, { log: `curl -H 'Authorization: ${credential}'\n`.repeat(3) })
    case '/echo/keys':
      return sendJson(response, { [credential]: 1, nested: { [`k ${credential}`]: [credential] } })
    case '/echo/above':
      return sendJson(response, { users: { [credential]: { email: HIDDEN_EMAIL } } })
    case '/echo/lines':
      return text(`{"a":1}\n{"log":"${escapeMarks(credential)}"}\n`, { 'content-type': 'application/x-ndjson' })
    case '/echo/page':
      return text(`<pre>${credential.replace(/[^a-z0-9 ]/gi, (c) => `&#${c.charCodeAt(0)};`)}</pre>`)
    case '/echo/quoted':
      return text(`q=${credential.replace(/[^a-z0-9/]/gi, (c) => `%${c.charCodeAt(0).toString(16)}`)}`)
    case '/echo/cut':
      return text(`{"log":"${escapeMarks(credential)}","rest":"${'x'.repeat(400_000)}"}`, {
        'content-type': 'application/json',
      })
    case '/echo/members':
      return sendJson(response, {
        users: { ['k'.repeat(20_000)]: { email: HIDDEN_EMAIL } },
        contact: { email: HIDDEN_EMAIL },
      })
    case '/echo/location':
      return redirect(`/api/next?state=${encodeURIComponent(credential)}`)
    case '/echo/split':
      return sendJson(response, { log: JSON.stringify({ authorization: credential }) }, 500)
    case '/users':
      if (headerOf(request, 'accept') === 'text/csv')
        return text(`id,email\n1,${HIDDEN_EMAIL}\n`, { 'content-type': 'text/csv' })
      if (request.target.includes('jsonp'))
        return text(`cb({"users":[{"email":"${HIDDEN_EMAIL}"}]})`, { 'content-type': 'text/javascript' })
      return sendJson(response, {
        users: [
          { id: 1, email: HIDDEN_EMAIL },
          { id: 2, email: null },
        ],
      })
    case '/users/1':
      return sendJson(response, { id: 1, contact: { email: HIDDEN_EMAIL } })
    case '/huge':
      return sendJson(response, { lines: Array.from({ length: 20_000 }, (_, n) => `line ${n}`) })
    case '/bomb': {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      const gzip = createGzip()
      gzip.on('error', () => undefined).pipe(response)
      response.on('close', () => gzip.destroy())
      gzip.end(Buffer.alloc(32 * 1024 ** 2, ' '))
      return undefined
    }
    case '/broken-gzip':
      return text(gzipSync('hello').subarray(0, 12), { 'content-encoding': 'gzip' })
    case '/drip': {
      response.writeHead(200, { 'content-type': 'text/plain' })
      const timer = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(timer))
      return undefined
    }
    case '/gone':
      return raw.socket.destroy()
    case '/unauthorized':
      return sendJson(response, { message: `not with ${credential}` }, 401)
    case '/missing':
      return sendJson(response, { message: 'Not Found' }, 404)
    default:
      return sendJson(response, { ok: true, method: request.method })
  }
}
