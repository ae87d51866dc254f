import type { AccountLink, ChatAccount } from '../../approvals/linkPorts.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { type Html, html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import { inline } from '../showText.ts'
import { moment } from '../showTime.ts'

interface AccountsInput {
  readonly session: Session
  readonly links: readonly AccountLink[]
  readonly isOn: boolean
}

/** The accounts elsewhere whose decisions count as this person's. */
export function accountsPage({ session, links, isOn }: AccountsInput): PageResponse {
  const { name, subject } = session.reviewer
  return pageResponse({
    title: 'Your accounts',
    session,
    body: html`<h1>Your accounts</h1>
<p>You are signed in as <strong>${inline(name ?? subject)}</strong> <code class="id">${inline(subject)}</code>. What the Slack accounts below decide counts as your decision.</p>
${links.length === 0 ? html`<p class="empty">No account is linked to you.</p>` : html`<ul class="rows">${links.map((link) => row(link, session))}</ul>`}
${isOn ? html`<p class="note">To link one, type <code>/countersign link</code> in Slack. Accounts that the operators have entered are not listed here.</p>` : html`<p class="note">Accounts cannot be linked here; the operators enter them.</p>`}`,
  })
}

function row({ account, linkedAt }: AccountLink, session: Session): Html {
  return html`<li class="row"><p class="row-title">${words(account)}</p>
<p class="facts"><span class="when">linked ${moment(new Date(linkedAt).toISOString())}</span></p>
<form method="post" action="/console/accounts/unlink">
<input type="hidden" name="csrf" value="${session.formToken}">
<input type="hidden" name="realm" value="${account.realm}">
<input type="hidden" name="user" value="${account.user}">
<button class="quiet" aria-label="Unlink Slack account ${account.user}">Unlink</button>
</form></li>`
}

/** Ids first: names in Slack are chosen by whoever has the account. */
function words({ realm, user, name }: ChatAccount): Html {
  return html`Slack account <code>${inline(user)}</code> in workspace <code>${inline(realm)}</code>${name === undefined ? '' : html`, which calls itself ${inline(name)}`}`
}

interface ConfirmInput {
  readonly session: Session
  readonly token: string
  readonly account: ChatAccount
  readonly before: AccountLink | undefined
}

/** Whether the account is this person's. Nothing here happens by itself. */
export function confirmLinkPage({ session, token, account, before }: ConfirmInput): PageResponse {
  const { name, subject, person } = session.reviewer
  return pageResponse({
    title: 'Link an account',
    session,
    body: html`<section class="welcome"><h1>Is this Slack account yours?</h1>
<p>${words(account)}</p>
<p>If you go on, what this account decides counts as the decision of <strong>${inline(name ?? subject)}</strong>.</p>
${before !== undefined && before.person.person !== person ? html`<p class="callout careful">Until now it counts as ${inline(before.person.name ?? before.person.subject)}. That ends.</p>` : ''}
<p class="callout bad"><strong>Did you type /countersign link in Slack yourself, just now?</strong> If somebody sent you this address, close the page: they would decide in your name. You find your own member id in your Slack profile, under <em>Copy member ID</em>.</p>
<form method="post" action="/console/link/${token}/confirm">
<input type="hidden" name="csrf" value="${session.formToken}">
<button>It is mine: show the code</button>
</form></section>`,
  })
}

interface CodeInput {
  readonly session: Session
  readonly account: ChatAccount
  readonly code: string
}

/** The last step is in Slack, in the account itself. The code is shown once. */
export function codePage({ session, account, code }: CodeInput): PageResponse {
  return pageResponse({
    title: 'Finish in Slack',
    session,
    body: html`<section class="welcome"><h1>Now type this in Slack</h1>
<p><code class="link-code">/countersign link ${code}</code></p>
<p>As ${words(account)}, within ten minutes of when you began. Only then the account is linked.</p>
<p class="callout bad">Tell this code to nobody. Whoever asks you for it wants to decide in your name.</p>
<p><a class="button" href="/console/accounts">Your accounts</a></p></section>`,
  })
}
