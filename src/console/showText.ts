import { showHidden } from '../approvals/suspiciousText.ts'
import { type Content, type Html, html } from './html.ts'
import { scanCode } from './scanCode.ts'
import type { CodeToken } from './scanSql.ts'

/**
 * Untrusted text on one line: what cannot be seen, or moves its neighbours, is written out and marked, and a line feed
 * is a sign. `<bdi>` keeps right-to-left letters from reordering what stands around them.
 */
export function inline(text: string): Html {
  return html`<bdi>${markHidden(text.replaceAll('\n', '⏎').replaceAll('\t', ' '))}</bdi>`
}

/**
 * A whole untrusted text with its lines numbered, complete: long lines wrap, nothing scrolls out of sight. Where the
 * language is known its parts are told apart by colour and weight.
 */
export function codeBlock(text: string, language?: string): Html {
  return numbered(scanCode(text, language))
}

function numbered(tokens: readonly CodeToken[]): Html {
  const lines: Content[][] = [[]]
  for (const { kind, text } of tokens) {
    for (const [index, piece] of text.split('\n').entries()) {
      if (index > 0) lines.push([])
      if (piece === '') continue
      const shown = markHidden(piece)
      lines.at(-1)?.push(kind === 'plain' ? shown : html`<span class="code-${kind}">${shown}</span>`)
    }
  }
  // The line feeds stay in the text, so that what is copied is what is there.
  const rows = lines.map(
    (line, index) => html`<span class="line" dir="ltr">${line}${index < lines.length - 1 ? '\n' : ''}</span>`,
  )
  return html`<pre class="code" tabindex="-1"><code>${rows}</code></pre>`
}

/** The text with a mark around everything that `showHidden` had to write out. */
function markHidden(text: string): readonly Content[] {
  // Nearly every text has nothing to mark.
  if (showHidden(text) === text) return [text]
  const parts: Content[] = []
  let plain = ''
  for (const character of text) {
    const shown = showHidden(character)
    if (shown === character) {
      plain += character
      continue
    }
    parts.push(plain, html`<mark class="hidden" title="a character that cannot be seen">${shown}</mark>`)
    plain = ''
  }
  return [...parts, plain]
}
