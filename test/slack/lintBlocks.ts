/** The limits of Block Kit that Slack enforces with `invalid_blocks`, from its reference. Answers what is wrong. */
export function lintBlocks(blocks: readonly Json[], where: 'message' | 'modal' = 'message'): readonly string[] {
  const most = where === 'message' ? 50 : 100
  return [
    ...(blocks.length === 0 ? ['no blocks'] : []),
    ...(blocks.length > most ? [`more than ${most} blocks`] : []),
    ...(where === 'message' && charactersIn(blocks) > 8_000 ? ['more text than Slack reliably takes'] : []),
    ...repeatedIds(blocks),
    ...blocks.flatMap((block, index) => lintBlock(block).map((problem) => `blocks[${index}]: ${problem}`)),
  ]
}

export function lintModal(view: Json): readonly string[] {
  const bytes = Buffer.byteLength(JSON.stringify(view))
  const hasInput = view.blocks.some((block: Json) => block.type === 'input')
  return [
    ...text(view.title, 'title', 24),
    ...(view.submit === undefined ? [] : text(view.submit, 'submit', 24)),
    ...text(view.close, 'close', 24),
    ...(hasInput && view.submit === undefined ? ['inputs without submit'] : []),
    ...longer(view.private_metadata, 'private_metadata', 3_000),
    ...longer(view.callback_id, 'callback_id', 255),
    ...(bytes > 250_000 ? ['more than 250 KB'] : []),
    ...lintBlocks(view.blocks, 'modal'),
  ]
}

// biome-ignore lint/suspicious/noExplicitAny: what arrives is any JSON, and the linter looks at all of it
type Json = any

function lintBlock(block: Json): readonly string[] {
  const problems = longer(block.block_id ?? '', 'block_id', 255)
  switch (block.type) {
    case 'header':
      return [...problems, ...text(block.text, 'header', 150, ['plain_text'])]
    case 'section': {
      const fields: Json[] = block.fields ?? []
      return [
        ...problems,
        ...(block.text === undefined && fields.length === 0 ? ['section without text'] : []),
        ...(block.text === undefined ? [] : text(block.text, 'section', 3_000)),
        ...(fields.length > 10 ? ['more than 10 fields'] : []),
        ...fields.flatMap((field) => text(field, 'field', 2_000)),
      ]
    }
    case 'context':
      return [
        ...problems,
        ...(block.elements.length > 10 ? ['more than 10 elements'] : []),
        ...block.elements.flatMap((element: Json) => text(element, 'context', 3_000)),
      ]
    case 'actions':
      return [
        ...problems,
        ...(block.elements.length > 25 || block.elements.length === 0 ? ['1 to 25 elements'] : []),
        ...block.elements.flatMap(lintElement),
      ]
    case 'input':
      return [...problems, ...text(block.label, 'label', 2_000, ['plain_text']), ...lintElement(block.element)]
    case 'rich_text':
      return [...problems, ...block.elements.flatMap(lintRichText)]
    default:
      return [`unknown block ${block.type}`]
  }
}

function lintRichText(element: Json): readonly string[] {
  if (element.type !== 'rich_text_preformatted') return [`unexpected ${element.type}`]
  return element.elements.flatMap((part: Json) => [
    ...(part.type === 'text' ? [] : [`${part.type} in code`]),
    ...(typeof part.text === 'string' && part.text.length > 0 ? [] : ['empty code']),
    ...longer(part.text, 'code', 3_000),
  ])
}

function lintElement(element: Json): readonly string[] {
  const problems = longer(element.action_id, 'action_id', 255)
  if (element.type === 'plain_text_input') {
    return [...problems, ...(element.max_length > 3_000 ? ['max_length'] : [])]
  }
  if (element.type === 'checkboxes') {
    const options = element.options.flatMap((option: Json) => [
      ...text(option.text, 'option', 75),
      ...longer(option.value, 'option value', 150),
    ])
    return [...problems, ...options, ...(element.options.length > 10 ? ['more than 10 options'] : [])]
  }
  if (element.type !== 'button') return [`unknown element ${element.type}`]
  const { confirm } = element
  return [
    ...problems,
    ...text(element.text, 'button', 75, ['plain_text']),
    ...longer(element.value ?? '', 'value', 2_000),
    ...longer(element.url ?? '', 'url', 3_000),
    ...(confirm === undefined
      ? []
      : [
          ...text(confirm.title, 'confirm.title', 100, ['plain_text']),
          ...text(confirm.text, 'confirm.text', 300),
          ...text(confirm.confirm, 'confirm.confirm', 30, ['plain_text']),
          ...text(confirm.deny, 'confirm.deny', 30, ['plain_text']),
        ]),
  ]
}

function text(value: Json, name: string, most: number, types = ['plain_text', 'mrkdwn']): readonly string[] {
  if (!types.includes(value?.type)) return [`${name}: not a text`]
  return value.text === '' ? [`${name}: empty`] : longer(value.text, name, most)
}

function longer(value: unknown, name: string, most: number): readonly string[] {
  if (typeof value !== 'string') return [`${name}: no string`]
  return value.length > most ? [`${name}: ${value.length} > ${most}`] : []
}

function repeatedIds(blocks: readonly Json[]): readonly string[] {
  const ids = blocks.flatMap(({ block_id }) => (block_id === undefined ? [] : [block_id]))
  return ids.length === new Set(ids).size ? [] : ['a block_id comes twice']
}

/** Every string that people read. */
export function textsIn(value: Json): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(textsIn)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'text' && typeof inner === 'string' ? [inner] : textsIn(inner),
  )
}

function charactersIn(blocks: readonly Json[]): number {
  return textsIn(blocks).reduce((sum, one) => sum + one.length, 0)
}
