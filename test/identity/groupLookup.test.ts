import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DemoIssuer, startIssuer } from '../../src/demo/issuer.ts'
import { DEMO_DIRECTORY } from '../../src/demo/tokenShapes.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { createTokenVerifier, type TokenVerifier } from '../../src/identity/createTokenVerifier.ts'
import { type Clock, entraAt, startClock } from './gateway.ts'

const GRAPH_CLIENT = '6f1c1b3e-0000-4000-8000-0000000000c1'
const SECRET = 'graph-client-secret'

/** A stand-in for Graph on loopback: it knows members, wants a token of the issuer, and keeps what it was asked. */
interface Directory {
  readonly url: string
  readonly asked: { path: string; ids: readonly string[] }[]
  members: Record<string, readonly string[]>
  status: number
  close(): Promise<void>
}

async function startDirectory(): Promise<Directory> {
  const asked: Directory['asked'] = []
  const server: Server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const ids: string[] = JSON.parse(body).groupIds
      const path = request.url ?? ''
      asked.push({ path, ids })
      const isLoggedIn = request.headers.authorization?.startsWith('Bearer ey') ?? false
      response.writeHead(isLoggedIn ? directory.status : 401, { 'content-type': 'application/json' })
      const of = directory.members[path.split('/')[3] ?? ''] ?? []
      // More than was asked for: a wrong answer must not add groups.
      response.end(
        JSON.stringify({ value: [...ids.filter((id) => of.includes(id)), 'ffffffff-0000-4000-8000-00000000ffff'] }),
      )
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const directory: Directory = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1.0/`,
    asked,
    members: {},
    status: 200,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return directory
}

const groupId = (number: number) => `60000000-0000-4000-8000-${String(number).padStart(12, '0')}`

let issuer: DemoIssuer
let directory: Directory
let clock: Clock
let verifier: TokenVerifier
let mentioned: string[]
beforeEach(async () => {
  issuer = await startIssuer({ clients: [{ clientId: GRAPH_CLIENT, clientSecret: SECRET, shape: 'app-only' }] })
  directory = await startDirectory()
  clock = startClock()
  mentioned = [DEMO_IDS.agentsGroup, DEMO_IDS.reviewersGroup]
  const graph = { clientId: GRAPH_CLIENT, clientSecret: { env: 'GRAPH_SECRET' }, apiUrl: directory.url }
  verifier = createTokenVerifier(entraAt(issuer.authority, { graph }), {
    readSecret: async () => SECRET,
    policyGroupIds: () => mentioned,
    now: clock.now,
  })
})
afterEach(async () => {
  verifier.close()
  await directory.close()
  await issuer.close()
})

const groupsOf = async (shape: Parameters<DemoIssuer['mint']>[0]) =>
  (await verifier.verify(await issuer.mint(shape))).groups

describe('group lookup', () => {
  test('overage is resolved for users, asking only about the groups that policy mentions', async () => {
    directory.members[DEMO_DIRECTORY.person] = [DEMO_IDS.agentsGroup, groupId(7)]
    expect(await groupsOf('delegated-overage')).toEqual({ known: true, ids: [DEMO_IDS.agentsGroup] })
    expect(directory.asked).toEqual([
      { path: `/v1.0/users/${DEMO_DIRECTORY.person}/checkMemberGroups`, ids: [...mentioned].sort() },
    ])
  })

  test('service principals are looked up as such, for apps and for agents', async () => {
    directory.members[DEMO_IDS.agentObject] = [DEMO_IDS.agentsGroup]
    expect(await groupsOf('app-only')).toEqual({ known: true, ids: [DEMO_IDS.agentsGroup] })
    expect(await groupsOf('agent')).toEqual({ known: true, ids: [] })
    expect(directory.asked.map(({ path }) => path)).toEqual([
      `/v1.0/servicePrincipals/${DEMO_IDS.agentObject}/checkMemberGroups`,
      `/v1.0/servicePrincipals/${DEMO_DIRECTORY.agentIdentity}/checkMemberGroups`,
    ])
  })

  test('groups in the token are believed without asking', async () => {
    expect(await groupsOf('delegated')).toEqual({ known: true, ids: [DEMO_IDS.agentsGroup] })
    expect(directory.asked).toEqual([])
  })

  test('45 groups are asked for in batches of 20', async () => {
    mentioned = Array.from({ length: 45 }, (_, index) => groupId(index))
    directory.members[DEMO_DIRECTORY.person] = [groupId(0), groupId(21), groupId(44)]
    expect(await groupsOf('delegated-overage')).toEqual({ known: true, ids: [groupId(0), groupId(21), groupId(44)] })
    expect(directory.asked.map(({ ids }) => ids.length)).toEqual([20, 20, 5])
  })

  test('an answer holds for five minutes; concurrent calls ask once; one login serves them', async () => {
    await Promise.all(Array.from({ length: 10 }, () => groupsOf('delegated-overage')))
    expect(directory.asked).toHaveLength(1)
    expect(issuer.requests.token).toBe(1)
    directory.members[DEMO_DIRECTORY.person] = [DEMO_IDS.agentsGroup]
    expect(await groupsOf('delegated-overage')).toEqual({ known: true, ids: [] })
    clock.advance(5 * 60_000 + 1)
    expect(await groupsOf('delegated-overage')).toEqual({ known: true, ids: [DEMO_IDS.agentsGroup] })
  })

  test('a policy that mentions another group is answered about that group at once', async () => {
    directory.members[DEMO_DIRECTORY.person] = [groupId(9)]
    expect(await groupsOf('delegated-overage')).toEqual({ known: true, ids: [] })
    mentioned = [...mentioned, groupId(9)]
    expect(await groupsOf('delegated-overage')).toEqual({ known: true, ids: [groupId(9)] })
  })

  test.each([403, 404, 429, 500])('a failed lookup (%i) stays unknown, and is tried again soon', async (status) => {
    directory.members[DEMO_DIRECTORY.person] = [DEMO_IDS.agentsGroup]
    directory.status = status
    expect(await groupsOf('delegated-overage')).toEqual({ known: false, why: 'lookup-failed' })
    expect(await groupsOf('delegated-overage')).toEqual({ known: false, why: 'lookup-failed' })
    expect(directory.asked).toHaveLength(1)
    directory.status = 200
    clock.advance(10_001)
    expect(await groupsOf('delegated-overage')).toEqual({ known: true, ids: [DEMO_IDS.agentsGroup] })
  })

  test('for a vote the directory is asked afresh, and a failure is a failure', async () => {
    const person = { provider: 'entra', subject: DEMO_IDS.reviewer }
    const ask = () => verifier.groups.groupsNow(person, [DEMO_IDS.reviewersGroup])
    directory.members[DEMO_IDS.reviewer] = [DEMO_IDS.reviewersGroup]
    expect(await ask()).toEqual([DEMO_IDS.reviewersGroup])
    directory.members[DEMO_IDS.reviewer] = []
    expect(await ask()).toEqual([])
    directory.status = 500
    await expect(ask()).rejects.toThrow('status 500')
    await expect(verifier.groups.groupsNow({ ...person, provider: 'okta' }, [])).rejects.toThrow('no directory')
  })
})
