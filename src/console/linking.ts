import * as z from 'zod'
import { claimOffer, type LinkDesk, showOffer, unlinkAccount } from '../approvals/accountLinks.ts'
import type { LinkedPerson } from '../approvals/linkPorts.ts'
import { GateError } from '../errors.ts'
import type { PageResponse } from '../mcp/pageRoute.ts'
import type { Session } from './openSessions.ts'
import { redirectTo } from './pageLayout.ts'
import { accountsPage, codePage, confirmLinkPage } from './pages/accountsPage.ts'

/** The accounts that decide in this person's name. */
export async function showAccounts(session: Session, links: LinkDesk | undefined): Promise<PageResponse> {
  const own = (await links?.store.linksOf(session.reviewer.person)) ?? []
  return accountsPage({ session, links: own, isOn: links !== undefined })
}

/** Which account an address is for. Looking at it uses nothing up: mail scanners and previews look too. */
export async function showLink(token: string, session: Session, links: LinkDesk | undefined): Promise<PageResponse> {
  return confirmLinkPage({ session, token, ...(await showOffer(tokenOf(token), on(links))) })
}

/** The form carried the token of its session; that is checked before. */
export async function confirmLink(token: string, session: Session, links: LinkDesk | undefined): Promise<PageResponse> {
  const { person, provider, subject, name } = session.reviewer
  const who: LinkedPerson = { person, provider, subject, name }
  return codePage({ session, ...(await claimOffer(tokenOf(token), who, on(links))) })
}

const unlinkForm = z.strictObject({
  csrf: z.string(),
  realm: z.string().min(1).max(100),
  user: z.string().min(1).max(100),
})

/** Only a link of one's own; for all others the answer is the same as for none. */
export async function removeLink(
  form: ReadonlyMap<string, string> | undefined,
  session: Session,
  links: LinkDesk | undefined,
): Promise<PageResponse> {
  const parsed = unlinkForm.safeParse(Object.fromEntries(form ?? []))
  if (!parsed.success) throw new GateError('ERR_CONSOLE_FORM')
  const { realm, user } = parsed.data
  await unlinkAccount({ realm, user }, 'console', on(links), session.reviewer.person)
  return redirectTo('/console/accounts')
}

function on(links: LinkDesk | undefined): LinkDesk {
  if (links === undefined) throw new GateError('ERR_LINK_OFF')
  return links
}

function tokenOf(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new GateError('ERR_LINK_OFFER')
  return text
}
