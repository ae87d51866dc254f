import type { ReviewView } from '../approvals/review.ts'
import { factsOf, footer, MOST_FIELDS, sectionsOf, TITLES, warningBlocks } from './requestText.ts'
import type { Block } from './slackApi.ts'
import { codeBlock, excerptOf, oneLine, piecesOf, plainText, type Room, textBlock, visible } from './untrustedText.ts'

/**
 * Where in Slack a pending request can be approved. `message`: with one click and a confirmation. `modal`: only where all
 * of it is shown. `elsewhere`: not in Slack, because Slack cannot show all of it.
 */
export type ApprovablePlace = 'message' | 'modal' | 'elsewhere'

/** Where this request can be approved, as it would be drawn now. */
export function placeOf(view: ReviewView): ApprovablePlace {
  return approvablePlace(view, layOut(view).complete)
}

const MODAL_BLOCKS = 90
/** Slack takes 250 KB, and sends all of it back as a form when it is submitted. */
const MODAL_BYTES = 200_000
const MODAL_FORM_BYTES = 600_000
const MODAL_PIECE = 2_500

/** What a message shows. `complete`: nothing is left out. */
export function layOut(view: ReviewView): { title: string; complete: boolean; blocks: readonly Block[] } {
  const facts = factsOf(view).map(({ label, text, most }) => {
    const cut = oneLine(text, most)
    return { ...cut, text: `${label}: ${cut.text}` }
  })
  const sections = sectionsOf(view)
  const drawn = sections.map(({ label, text, room }) => drawExcerpt(label, text, room))
  const title = oneLine(`${TITLES[view.state]} · ${view.what.tool} on ${view.where.connection}`, 150)
  const complete = [title, ...facts, ...drawn].every((part) => part.complete) && view.what.fields.length <= MOST_FIELDS
  return {
    title: title.text,
    complete,
    blocks: [
      { type: 'section', fields: facts.map(({ text }) => plainText(text)) },
      ...drawn.flatMap((part) => part.blocks),
    ],
  }
}

/** All of it, for a modal; undefined when that is more than Slack takes. */
export function fullText(view: ReviewView): readonly Block[] | undefined {
  const facts = factsOf(view)
  const sections = sectionsOf(view, Number.POSITIVE_INFINITY)
  const length = [...facts, ...sections].reduce((sum, { text }) => sum + text.length, 0)
  if (length > MODAL_BYTES) return undefined
  const lines = facts.map(({ label, text }) => `${label}: ${visible(text).replaceAll('\n', '⏎')}`)
  const blocks = [
    ...warningBlocks(view),
    ...piecesOf(lines.join('\n'), MODAL_PIECE).map(codeBlock),
    ...sections.flatMap(({ label, text }) => [
      textBlock(label),
      ...piecesOf(visible(text), MODAL_PIECE).map(codeBlock),
    ]),
    footer(view),
  ]
  const json = JSON.stringify(blocks)
  const form = new URLSearchParams({ payload: json }).toString()
  const fits =
    blocks.length <= MODAL_BLOCKS && Buffer.byteLength(json) <= MODAL_BYTES && form.length <= MODAL_FORM_BYTES
  return fits ? blocks : undefined
}

export function approvablePlace(view: ReviewView, complete: boolean): ApprovablePlace {
  if (view.one_click && complete) return 'message'
  return fullText(view) === undefined ? 'elsewhere' : 'modal'
}

function drawExcerpt(label: string, text: string, room: Room): { complete: boolean; blocks: readonly Block[] } {
  const { complete, head, tail, left } = excerptOf(text, room)
  if (complete) return { complete, blocks: [textBlock(label), codeBlock(head)] }
  // Outside of the code, where the agent's text cannot imitate it.
  const gap = `NOT SHOWN: ${left.characters} of ${left.of} characters. The end follows.`
  return { complete, blocks: [textBlock(label), codeBlock(head), textBlock(gap), codeBlock(tail)] }
}
