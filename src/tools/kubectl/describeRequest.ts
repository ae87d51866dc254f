import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml'
import type { RequestField } from '../tool.ts'
import type { ParsedArgs } from './args/parseArgs.ts'
import { isSecretName } from './hide/isSecretName.ts'

interface Span {
  readonly start: number
  readonly end: number
}
type HiddenSpan = Span & { readonly why: string }

/** The arguments as people see them: the words as a command line, and the texts for themselves, secrets in them marked. */
export function describeRequest(
  args: readonly string[],
  parsed: ParsedArgs,
  manifest: string | undefined,
  { touchesSecrets, mayHoldCode }: { readonly touchesSecrets: boolean; readonly mayHoldCode: boolean },
): readonly RequestField[] {
  const patch = parsed.flags.get('patch')
  const words = describeWords(args, typeof patch === 'string' ? patch : undefined)
  // A word that can be code for a program is shown as it is: none may hide as a secret.
  const fields = [mayHoldCode ? { ...words, literals: [], hidden: [] } : words]
  if (typeof patch === 'string') {
    fields.push({ name: 'patch', text: patch, language: 'yaml', ...markYaml(patch, touchesSecrets) })
  }
  if (manifest !== undefined)
    fields.push({ name: 'manifest', text: manifest, language: 'yaml', ...markYaml(manifest, false) })
  return fields
}

function describeWords(args: readonly string[], patch: string | undefined): RequestField {
  let text = 'kubectl'
  const literals: Span[] = []
  const hidden: HiddenSpan[] = []
  for (const [index, arg] of args.entries()) {
    const isPatch = patch !== undefined && (arg === patch || arg === `--patch=${patch}`)
    const shown = isPatch ? `${arg.slice(0, arg.length - patch.length)}(below)` : arg
    text += ' '
    const start = text.length
    text += /^[A-Za-z0-9_./:=@%+,~^-]+$/.test(shown) || isPatch ? shown : `'${shown.replaceAll("'", "'\\''")}'`
    const span = { start, end: text.length }
    literals.push(span)
    const [key = '', value] = arg.split('=', 2)
    const before = args[index - 1] ?? ''
    const isNamed = value !== undefined && value !== '' && isSecretName(key)
    if (isNamed || (before.startsWith('-') && isSecretName(before))) hidden.push({ ...span, why: 'secret-by-name' })
  }
  return { name: 'args', text, language: 'shell', literals, hidden }
}

/**
 * The values of a YAML text, and those among them that are secret: values of Secrets, what is called like a secret, and
 * whatever an alias brings there.
 *
 * @param isSecret the text is a patch of a Secret: every value in it counts
 */
function markYaml(text: string, isSecret: boolean): { literals: readonly Span[]; hidden: readonly HiddenSpan[] } {
  const literals: Span[] = []
  const hidden: HiddenSpan[] = []
  const documents = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    stringKeys: true,
    strict: true,
    uniqueKeys: true,
  })
  for (const document of 'empty' in documents ? [] : documents) {
    const hide = (node: unknown, why: string) =>
      hidden.push(...spansBelow(node, document).map((span) => ({ ...span, why })))
    if (isSecret) hide(document.contents, 'secret')
    visit(document, {
      Scalar(key, node) {
        const span = spanOf(node)
        if (key !== 'key' && span !== undefined) literals.push(span)
        if (key !== 'key' && typeof node.value === 'string' && /\bkind["']?:\s{0,8}["']?Secret\b/.test(node.value)) {
          hide(node, 'secret')
        }
      },
      Map(_, map) {
        const valueUnder = (name: string) => map.get(name, true)
        const kind = valueUnder('kind')
        if (isScalar(kind) && /^secret$/i.test(String(kind.value)))
          for (const key of ['data', 'stringData']) hide(valueUnder(key), 'secret')
        // An operation of a JSON patch: the variable whose value it sets may be called anything.
        const path = valueUnder('path')
        const isSecretPath =
          isScalar(path) && (isSecretName(lastOf(String(path.value))) || IN_VARIABLE.test(String(path.value)))
        if (isSecretPath && valueUnder('op') !== undefined) hide(valueUnder('value'), 'secret-by-name')
        const called = valueUnder('name')
        if (isScalar(called) && isSecretName(String(called.value))) hide(valueUnder('value'), 'secret-by-name')
      },
      Pair(_, { key, value }) {
        const name = isScalar(key) ? String(key.value) : ''
        const isText = isAlias(value) || (isScalar(value) && typeof value.value === 'string')
        if (isText && (isSecretName(name) || /last-applied/.test(name))) hide(value, 'secret-by-name')
      },
    })
  }
  return { literals, hidden }
}

/** `/spec/containers/0/env/2/value`; the difference that reviewers see shows it where it is no secret. */
const IN_VARIABLE = /\/env\/(?:\d+|-)\/value$/

/** `/data/db-password`, `/metadata/annotations/corp.example~1token`. */
function lastOf(pointer: string): string {
  return (pointer.split('/').at(-1) ?? '').replaceAll('~1', '/')
}

/** Every value below a node, at the place where it stands: an alias shows what its anchor shows. */
function spansBelow(node: unknown, document: Document, depth = 0): readonly Span[] {
  if (depth > 64) return []
  if (isAlias(node)) return spansBelow(node.resolve(document), document, depth + 1)
  if (isPair(node)) return spansBelow(node.value, document, depth + 1)
  if (isMap(node) || isSeq(node)) return node.items.flatMap((item) => spansBelow(item, document, depth + 1))
  const span = isNode(node) ? spanOf(node) : undefined
  return span === undefined ? [] : [span]
}

function spanOf(node: Node): Span | undefined {
  const range = node.range
  if (!range || range[1] <= range[0]) return undefined
  return { start: range[0], end: range[1] }
}
