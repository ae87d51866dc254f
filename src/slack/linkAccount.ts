import { offerLink, redeemCode, unlinkAccount } from '../approvals/accountLinks.ts'
import type { ChatAccount } from '../approvals/linkPorts.ts'
import { GateError } from '../errors.ts'
import { checkAccount } from './identifyReviewer.ts'
import type { Command } from './readDelivery.ts'
import { OPEN_LINK } from './requestText.ts'
import type { Message } from './slackApi.ts'
import { type SlackDesk, type SlackLinking, say } from './slackDesk.ts'
import { plainText, textBlock } from './untrustedText.ts'

/**
 * `/countersign link`: an address for the console; with a code, the end of it. Guests, bots, closed and foreign accounts
 * get neither. Throws ERR_SLACK_ACCOUNT, ERR_SLACK_LOOKUP, ERR_LINK_FIXED, ERR_LINK_OFF, ERR_LINK_CODE.
 */
export async function linkAccount(command: Command, code: string | undefined, desk: SlackDesk): Promise<Message> {
  const { linking, account } = await mayLink(command, desk)
  if (code !== undefined) return await finish(account, code, linking)
  const { token, minutes } = await offerLink(account, linking)
  const button = {
    type: 'button',
    action_id: OPEN_LINK,
    text: plainText('Open the console'),
    url: linking.urlFor(token),
  }
  return {
    text: 'Link your account',
    blocks: [
      textBlock(
        `Open the console and sign in as yourself. It asks whether the Slack account ${account.user} is yours, and then shows a code to type here: /countersign link CODE`,
      ),
      { type: 'actions', elements: [button] },
      textBlock(
        `The address works once, for ${minutes} minutes. Do not pass it on: whoever confirms it decides in your place.`,
      ),
    ],
  }
}

async function finish(account: ChatAccount, code: string, linking: SlackLinking): Promise<Message> {
  const { person } = await redeemCode(account, code, linking)
  return say(`Done. From now on what you decide here counts as ${person.name ?? person.subject}.`)
}

/** `/countersign unlink`. */
export async function unlinkOwnAccount(command: Command, desk: SlackDesk): Promise<Message> {
  const { linking, account } = await mayLink(command, desk)
  const removed = await unlinkAccount(account, 'slack', linking)
  return say(removed === undefined ? 'This account was not linked.' : 'Done. This account decides nothing any more.')
}

async function mayLink({ team, user }: Command, desk: SlackDesk) {
  const { linking, identify } = desk
  const account = await checkAccount({ team, id: user }, identify)
  if (identify.links.isFixed(user)) throw new GateError('ERR_LINK_FIXED')
  if (linking === undefined) throw new GateError('ERR_LINK_OFF')
  return { linking, account }
}
