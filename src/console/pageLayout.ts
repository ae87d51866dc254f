import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PageResponse } from '../mcp/pageRoute.ts'
import { type Content, type Html, html } from './html.ts'
import type { Session } from './openSessions.ts'
import { inline } from './showText.ts'

/** Nothing but our own files, no inline code or styles, in nobody's frame, forms to ourselves. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

export const PAGE_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Not `no-referrer`: browsers then send `Origin: null` with forms, and our own would be refused.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'content-security-policy': CONTENT_SECURITY_POLICY,
} as const

const TYPES: Readonly<Record<string, string>> = {
  'console.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
}

interface Asset {
  readonly bytes: Buffer
  readonly version: string
  readonly type: string
}

const assets = new Map<string, Asset>()

/** A file beside this one, read once. Undefined for names that are not ours. */
export function readAsset(name: string): Asset | undefined {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined
  if (type === undefined) return undefined
  const known = assets.get(name)
  if (known !== undefined) return known
  const bytes = readFileSync(join(import.meta.dirname, 'assets', name))
  const asset = { bytes, type, version: createHash('sha256').update(bytes).digest('hex').slice(0, 12) }
  assets.set(name, asset)
  return asset
}

function assetUrl(name: string): string {
  return `/console/assets/${name}?v=${readAsset(name)?.version ?? ''}`
}

export type Section = 'requests' | 'history' | 'rules' | 'trail'

interface Page {
  readonly title: string
  readonly section?: Section
  /** Who looks at it. Undefined: nobody is signed in. */
  readonly session: Session | undefined
  /** Where the script of the page looks for news, when the page is to be told of changes. */
  readonly newsAt?: string
  /** Where the browser goes by itself, and after how many seconds: a path of the console. */
  readonly goTo?: { readonly path: string; readonly seconds: number }
  readonly body: Content
  readonly status?: number
  readonly cookies?: readonly string[]
}

/** A whole page as an answer. */
export function pageResponse(page: Page): PageResponse {
  const { title, section, session, newsAt, goTo, body, status = 200, cookies = [] } = page
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} · Countersign</title>
<link rel="icon" href="${assetUrl('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${assetUrl('console.css')}">
${goTo === undefined ? '' : html`<meta http-equiv="refresh" content="${goTo.seconds};url=${goTo.path}">`}
${newsAt !== undefined ? html`<script type="module" src="${assetUrl('console.js')}"></script>` : ''}
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
${session === undefined ? bareHeader() : header(session, section)}
<main id="content" tabindex="-1">
${body}
</main>
<p id="news" class="unseen" role="status" data-at="${newsAt}"></p>
</body>
</html>
`
  return {
    status,
    headers: {
      ...PAGE_HEADERS,
      'content-type': 'text/html; charset=utf-8',
      ...(cookies.length > 0 && { 'set-cookie': cookies }),
    },
    body: document.toString(),
  }
}

/** Answers with where to look next; 303, so that a reload does not send the form again. */
export function redirectTo(location: string, cookies: readonly string[] = []): PageResponse {
  const headers = { ...PAGE_HEADERS, location, ...(cookies.length > 0 && { 'set-cookie': cookies }) }
  return { status: 303, headers, body: '' }
}

function bareHeader(): Html {
  return html`<header class="bar"><span class="wordmark">Countersign</span></header>`
}

function header(session: Session, section: Section | undefined): Html {
  const { name, subject } = session.reviewer
  const link = (to: Section, label: string) =>
    to === section
      ? html`<a href="/console/${to}" aria-current="page">${label}</a>`
      : html`<a href="/console/${to}">${label}</a>`
  return html`<header class="bar">
<a class="wordmark" href="/console/requests">Countersign</a>
<nav aria-label="Console">${link('requests', 'Pending')}${link('history', 'History')}${link('rules', 'Rules')}${link('trail', 'Trail')}</nav>
<form class="person" method="post" action="/console/logout">
<input type="hidden" name="csrf" value="${session.formToken}">
<a class="name" href="/console/accounts">${inline(name ?? subject)}</a>
<button class="quiet">Sign out</button>
</form>
</header>`
}
