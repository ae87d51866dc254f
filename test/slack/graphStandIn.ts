import { createServer } from 'node:http'
import { listen } from '../fixtures/wire.ts'

export interface DirectoryUser {
  readonly id: string
  readonly mail?: string | null
  readonly userPrincipalName?: string
  readonly userType?: string
  readonly accountEnabled?: boolean
  readonly '@odata.type'?: string
}

export interface GraphStandIn {
  readonly url: string
  users: DirectoryUser[]
  status: number
  /** Laid over the next answers. */
  more: Readonly<Record<string, unknown>>
  /** What `list users` was asked for; `undefined` for a filter that is not the one expected. */
  readonly asked: (string | undefined)[]
  close(): Promise<void>
}

const FILTER = /^mail eq '((?:[^']|'')*)' or userPrincipalName eq '((?:[^']|'')*)'$/

/** The part of Microsoft Graph that is asked for users by address. A filter that says anything else finds everybody. */
export async function startGraphStandIn(): Promise<GraphStandIn> {
  const server = createServer((request, response) => {
    request.resume()
    const url = new URL(request.url ?? '', 'http://graph')
    const isLoggedIn = request.headers.authorization?.startsWith('Bearer ey') ?? false
    response.writeHead(isLoggedIn ? standIn.status : 401, { 'content-type': 'application/json' })
    if (url.pathname !== '/v1.0/users') return void response.end(JSON.stringify({ value: [] }))
    const [, mail, name] = FILTER.exec(url.searchParams.get('$filter') ?? '') ?? []
    const wanted = mail === name ? mail?.replaceAll("''", "'") : undefined
    standIn.asked.push(wanted)
    const same = (text: string | null | undefined) => text?.toLowerCase() === wanted?.toLowerCase()
    const value = standIn.users.filter(
      (user) => wanted === undefined || same(user.mail) || same(user.userPrincipalName),
    )
    response.end(JSON.stringify({ value, ...standIn.more }))
  })
  const standIn: GraphStandIn = {
    url: `http://127.0.0.1:${await listen(server)}/v1.0`,
    ...{ users: [], status: 200, more: {}, asked: [] },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return standIn
}
