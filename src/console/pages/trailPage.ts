import type { ChainReport } from '../../audit/verify.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { type Content, type Html, html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import type { TrailState } from '../openTrailCheck.ts'
import { pageResponse } from '../pageLayout.ts'
import { inline } from '../showText.ts'
import { moment } from '../showTime.ts'

interface TrailInput {
  readonly session: Session
  readonly state: TrailState
}

/** Whether the trail is whole, and how far that is proven. Checked when somebody asks. */
export function trailPage({ session, state }: TrailInput): PageResponse {
  return pageResponse({
    title: 'Trail',
    section: 'trail',
    session,
    ...(state.kind === 'running' && { goTo: { path: '/console/trail', seconds: 2 } }),
    body: html`<h1>The trail</h1>
<p>Every call and every decision is a line in an append-only file. Lines are chained by their hashes, and checkpoints are
signed: a check reads all of them again.</p>
${found(state)}
<form method="post" action="/console/trail/verify">
<input type="hidden" name="csrf" value="${session.formToken}">
<button>Check the trail now</button>
</form>`,
  })
}

function found(state: TrailState): Content {
  switch (state.kind) {
    case 'never':
      return html`<p class="note">It was not checked since this gateway started.</p>`
    case 'running':
      return html`<p class="note">It is being checked. This page loads again by itself.</p>`
    case 'failed':
      return html`<p class="callout bad">The files could not be read at ${timeOf(state.at)}. Tell an operator.</p>`
    case 'too-large':
      return html`<p class="callout careful">It holds ${Math.round(state.bytes / 1024 ** 2).toLocaleString('en')} MiB, too much to read from here.
Use <code>countersign audit verify</code>.</p>`
    case 'checked':
      return html`<p class="note">Checked at ${timeOf(state.at)}.</p>${state.reports.map(chain)}`
  }
}

function chain({ replica, records, files, lastSeq, lastAt, provenTo, provenBy, torn, ...report }: ChainReport): Html {
  const broken = report.break
  const unproven = lastSeq - provenTo
  return html`<section class="chain" aria-label="Replica ${replica}"><h2>${inline(replica)} ${
    broken === undefined
      ? html`<span class="state state-executed">whole</span>`
      : html`<span class="state state-denied">broken</span>`
  }</h2>
${
  broken === undefined
    ? ''
    : html`<p class="callout bad"><strong>${inline(`${broken.file}, line ${broken.line}`)}</strong> ${inline(broken.message)}</p>`
}
<dl>
${term('Records', `${records.toLocaleString('en')} in ${files.length} ${files.length === 1 ? 'file' : 'files'}`)}
${term('Last record', html`${lastSeq.toLocaleString('en')}${lastAt === undefined ? '' : html`, ${moment(lastAt)}`}`)}
${term('Proven', provenTo === 0 ? 'nothing' : `up to record ${provenTo.toLocaleString('en')}, by ${PROOFS[provenBy]}`)}
${unproven > 0 ? term('After that', `${unproven.toLocaleString('en')} records that could be cut or made anew unseen`) : ''}
${torn > 0 ? term('Torn lines', `${torn}, moved aside after crashes`) : ''}
</dl></section>`
}

const PROOFS = {
  head: 'the head that the store remembers',
  checkpoint: 'a signed checkpoint',
  nothing: 'nothing',
} as const

function term(name: string, value: Content): Html {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`
}

function timeOf(at: number): Html {
  return moment(new Date(at).toISOString())
}
