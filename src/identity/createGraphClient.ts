import type { ReadSecret } from '../settings/secretReference.ts'
import { FetchProblem, fetchJson } from './fetchJson.ts'
import type { EntraSettings } from './settings.ts'

/** Graph's own limit for checkMemberGroups. */
const MOST_IDS_PER_REQUEST = 20
/** The lookup is on the way of a call, so it must not be what makes the client give up. */
const TIMEOUT_MS = 3_000
/** A client-credentials token is renewed this long before it expires. */
const RENEW_BEFORE_MS = 60_000

export interface GraphClient {
  /** Which of `ids` the member belongs to, nested groups included. Throws FetchProblem. */
  memberGroups(collection: 'users' | 'servicePrincipals', objectId: string, ids: readonly string[]): Promise<string[]>
  /**
   * At least two of the users whose `mail` or `userPrincipalName` equals the address, as Graph compares, or all if there
   * are fewer. Needs User.Read.All. Throws FetchProblem.
   */
  usersWithAddress(address: string): Promise<readonly Readonly<Record<string, unknown>>[]>
}

/**
 * Asks Microsoft Graph with the gateway's own credential (application permissions GroupMember.Read.All and
 * User.ReadBasic.All, for service principals Application.Read.All). Never uses a URL or a credential of the caller.
 */
export function createGraphClient(
  { tenantId, authority, graph }: EntraSettings & { graph: NonNullable<EntraSettings['graph']> },
  {
    readSecret,
    now,
    signal,
  }: { readonly readSecret: ReadSecret; readonly now: () => number; readonly signal: AbortSignal },
): GraphClient {
  let token: { readonly value: string; readonly until: number } | undefined

  async function login(): Promise<string> {
    if (token !== undefined && now() < token.until) return token.value
    const answer = await post(
      `${authority}/${tenantId}/oauth2/v2.0/token`,
      new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: graph.clientId,
        client_secret: await readSecret(graph.clientSecret),
        scope: `${new URL(graph.apiUrl).origin}/.default`,
      }),
      {},
    )
    const { access_token: value, expires_in: seconds } = answer
    if (typeof value !== 'string' || typeof seconds !== 'number') throw new FetchProblem('the login brought no token')
    token = { value, until: now() + seconds * 1000 - RENEW_BEFORE_MS }
    return value
  }

  async function post(url: string, body: string | URLSearchParams, headers: Record<string, string>) {
    return await ask(url, { method: 'POST', body, headers })
  }

  async function ask(url: string, init: RequestInit) {
    const answer = await fetchJson(url, { ...init, timeoutMs: TIMEOUT_MS, signal })
    if (!isObject(answer)) throw new FetchProblem('the answer is not an object')
    return answer
  }

  async function check(url: string, groupIds: readonly string[]): Promise<string[]> {
    const answer = await post(url, JSON.stringify({ groupIds }), {
      authorization: `Bearer ${await login()}`,
      'content-type': 'application/json',
    })
    if (!Array.isArray(answer.value)) throw new FetchProblem('the answer holds no list')
    const members = answer.value.map((id) => String(id).toLowerCase())
    return groupIds.filter((id) => members.includes(id))
  }

  /** A refused token may be one that a rotated secret would replace: then the next question logs in afresh. */
  async function renewing<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    try {
      return await question()
    } catch (error) {
      if (error instanceof FetchProblem && (error.status === 401 || error.status === 403)) token = undefined
      throw error
    }
  }

  return {
    async memberGroups(collection, objectId, ids) {
      const url = `${graph.apiUrl}/${collection}/${encodeURIComponent(objectId)}/checkMemberGroups`
      const batches = Array.from({ length: Math.ceil(ids.length / MOST_IDS_PER_REQUEST) }, (_, index) =>
        ids.slice(index * MOST_IDS_PER_REQUEST, (index + 1) * MOST_IDS_PER_REQUEST),
      )
      return await renewing(async () => {
        const found: string[] = []
        for (const batch of batches) found.push(...(await check(url, batch)))
        return found
      })
    },
    async usersWithAddress(address) {
      // OData 4.01 part 2, section 5.1.1.14.1: a quote inside a string is doubled.
      const literal = `'${address.replaceAll("'", "''")}'`
      const query = Object.entries({
        $filter: `mail eq ${literal} or userPrincipalName eq ${literal}`,
        $select: 'id,userType,accountEnabled,mail,userPrincipalName',
        $top: '5',
      })
        .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
        .join('&')
      const answer = await renewing(async () =>
        ask(`${graph.apiUrl}/users?${query}`, { headers: { authorization: `Bearer ${await login()}` } }),
      )
      if (!Array.isArray(answer.value) || !answer.value.every(isObject)) {
        throw new FetchProblem('the answer holds no list of users')
      }
      // A page may hold fewer than there are.
      if (answer['@odata.nextLink'] !== undefined && answer.value.length < 2) {
        throw new FetchProblem('the answer does not say how many users there are')
      }
      return answer.value
    },
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
