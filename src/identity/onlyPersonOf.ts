import type { GraphClient } from './createGraphClient.ts'
import { FetchProblem } from './fetchJson.ts'

/** Characters beyond ASCII look like others and fold differently in every system: such an address is nobody's. */
const PLAIN_ADDRESS = /^[\x21-\x3f\x41-\x7e]{1,64}@[\x21-\x3f\x41-\x7e]{1,189}$/
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * The object id of the only user whose `mail` or `userPrincipalName` is exactly this address (letters A to Z in either
 * case), if it is an ordinary member whose account is enabled. Several users with the address are nobody, whatever they
 * are. The filter is Graph's; what it answers is compared again. Throws FetchProblem.
 */
export async function onlyPersonOf(
  address: string,
  client: Pick<GraphClient, 'usersWithAddress'>,
): Promise<string | undefined> {
  if (!PLAIN_ADDRESS.test(address)) return undefined
  const [user, ...others] = await client.usersWithAddress(address)
  if (user === undefined || others.length > 0) return undefined
  const { id, userType, accountEnabled, mail, userPrincipalName, '@odata.type': type } = user
  // Without the permission Graph leaves both out. Nobody is matched by what was not said.
  if (typeof userType !== 'string' || typeof accountEnabled !== 'boolean') {
    throw new FetchProblem('the answer does not say what kind of user it is')
  }
  const isPerson = type === undefined || type === '#microsoft.graph.user'
  if (!isPerson || userType !== 'Member' || !accountEnabled) return undefined
  if (![mail, userPrincipalName].some((own) => typeof own === 'string' && fold(own) === fold(address))) return undefined
  if (typeof id !== 'string' || !GUID.test(id)) throw new FetchProblem('the answer holds no object id')
  return id.toLowerCase()
}

/** Only A to Z: other capitals have small forms that are plain letters. */
function fold(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
