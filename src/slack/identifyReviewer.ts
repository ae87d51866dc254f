import type { ChatAccount } from '../approvals/linkPorts.ts'
import type { Reviewer } from '../approvals/membership.ts'
import { GateError } from '../errors.ts'
import { type Account, type Home, type SlackApi, SlackProblem } from './slackApi.ts'

/** An account in Slack, as a verified delivery names it. */
export interface SlackUser {
  /** The workspace or, where that is missing, the organisation. */
  readonly team: string
  readonly id: string
}

/**
 * Which person of the directory an account belongs to: by the configured map, because somebody proved both at once, or,
 * only where operators have switched it on, by an e-mail address: people, and administrators of a workspace, change those.
 */
export interface AccountLinks {
  /**
   * The person's directory object id; undefined when nobody is known. `email`: the account's, when Slack has confirmed
   * it. Throws ERR_SLACK_DIRECTORY.
   */
  findPerson(account: ChatAccount, email: string | undefined): Promise<string | undefined>
  /** Whether the configuration says who uses the account: then nobody else does. */
  isFixed(user: string): boolean
}

export interface IdentifyParts {
  readonly api: Pick<SlackApi, 'home' | 'account'>
  /** The only workspace or organisation; undefined: the bot's own. */
  readonly team: string | undefined
  readonly links: AccountLinks
  /** The reviewer as identity would have made it from a token of the same person. */
  readonly reviewerOf: (objectId: string, name: string | undefined) => Reviewer
}

/**
 * Who clicked, as a person of the directory. Asked anew for every click: accounts are closed. Throws ERR_SLACK_LOOKUP,
 * ERR_SLACK_ACCOUNT, ERR_SLACK_DIRECTORY or ERR_SLACK_UNLINKED. Whether the person may decide is a question for approvals.
 */
export async function identifyReviewer(user: SlackUser, parts: IdentifyParts): Promise<Reviewer> {
  const { account, email } = await readAccount(user, parts)
  const person = await parts.links.findPerson(account, email)
  if (person === undefined) throw new GateError('ERR_SLACK_UNLINKED')
  return parts.reviewerOf(person, account.name)
}

/**
 * The account, when it is one of a full member of our workspace now. Asked anew every time: accounts are closed. Its
 * realm is that of the bot, within which member ids are unique. Throws ERR_SLACK_LOOKUP, ERR_SLACK_ACCOUNT.
 */
export async function checkAccount(user: SlackUser, parts: Pick<IdentifyParts, 'api' | 'team'>): Promise<ChatAccount> {
  return (await readAccount(user, parts)).account
}

async function readAccount(
  { id }: SlackUser,
  { api, team }: Pick<IdentifyParts, 'api' | 'team'>,
): Promise<{ readonly account: ChatAccount; readonly email: string | undefined }> {
  const [home, account] = await lookUp(() => Promise.all([api.home(), api.account(id)]))
  if (account.marks.length > 0 || !isAtHome(account, home, team)) throw new GateError('ERR_SLACK_ACCOUNT')
  return { account: { realm: home.enterprise ?? home.team, user: id, name: account.name }, email: account.email }
}

/** Asks Slack. An account that does not exist is no reviewer's; any other failure proves nothing. */
export async function lookUp<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (cause) {
    const isUnknown = cause instanceof SlackProblem && UNKNOWN_ACCOUNT.has(cause.reason)
    throw new GateError(isUnknown ? 'ERR_SLACK_ACCOUNT' : 'ERR_SLACK_LOOKUP', { cause })
  }
}

/** Whether something belongs to the configured workspace or organisation, by default the bot's. */
export function isAtHome(
  { team, enterprise }: Pick<Account, 'team' | 'enterprise'>,
  home: Home,
  only: string | undefined,
): boolean {
  if (only !== undefined) return team === only || enterprise === only
  return team === home.team || (enterprise !== undefined && enterprise === home.enterprise)
}

const UNKNOWN_ACCOUNT = new Set(['user_not_found', 'user_not_visible', 'users_not_found'])
