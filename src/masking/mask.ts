import type { Json, MaskedOutput, MaskedText } from '../call.ts'
import { placeholderFor } from '../placeholder.ts'
import type { Language, Preview, ToolOutput, ToolTable } from '../tools/tool.ts'
import { collectNotes, type NoteCollection } from './collectNotes.ts'
import { maskDocument } from './maskDocument.ts'
import type { Masker } from './masker.ts'
import { maskingFailed } from './maskingFailed.ts'
import { maskFreeText } from './maskText.ts'
import { maskTexts } from './maskTexts.ts'
import { maskString, maskValue } from './maskValue.ts'
import { renderValue } from './renderValue.ts'

/**
 * A tool's output as the agent and the trail may see it: protected columns replaced whole (nulls included), secrets
 * replaced in everything else, then cut to the caps of the connection. The caps are applied to what is shown, so that
 * neither `truncated` nor the number of rows depends on a protected value or its length.
 *
 * The result is `{columns, types, rows, row_count}` of the rows shown, when there is a table; each text and the document
 * under its name; the facts under theirs; and always `{command, rows_changed?, truncated}`.
 *
 * @throws GateError ERR_MASKING when anything goes wrong inside: the output is withheld, never shown in part.
 */
export function mask(output: ToolOutput, masker: Masker): MaskedOutput {
  try {
    const notes = collectNotes()
    const table = output.table === undefined ? undefined : maskTable(output.table, output.caps, masker, notes)
    const document = output.document && maskDocument(output.document, output.caps, masker, notes)
    const texts = maskTexts(output.texts ?? [], output.caps, masker, notes)
    const facts = maskValue(output.facts ?? {}, '', masker, (why) => notes.add('facts', why))
    const result: Json = {
      ...(facts as { readonly [name: string]: Json }),
      ...texts.shown,
      ...document?.shown,
      ...(table !== undefined && {
        columns: table.columns,
        types: table.types,
        rows: table.rows,
        row_count: table.rows.length,
      }),
      command: maskString(output.command, undefined, masker, (why) => notes.add('command', why)),
      ...(output.rowsChanged !== undefined && { rows_changed: output.rowsChanged }),
      truncated: output.truncated || texts.cut || [table, document].some((part) => part?.cut === true),
    }
    return { result, masked: [...output.masked, ...notes.list()] } as unknown as MaskedOutput
  } catch (cause) {
    throw maskingFailed(cause)
  }
}

/** What would happen, as reviewers may see it. */
export interface MaskedPreview {
  readonly rows: number | undefined
  readonly lines: readonly MaskedText[]
  readonly sample:
    | { readonly columns: readonly MaskedText[]; readonly rows: readonly (readonly MaskedText[])[] }
    | undefined
  readonly texts?: readonly { readonly title: MaskedText; readonly text: MaskedText; readonly language: Language }[]
  readonly missing: readonly MaskedText[]
}

/**
 * A preview with its protected columns and secrets replaced, every cell as text: null is `NULL`, records are JSON.
 *
 * @throws GateError ERR_MASKING when anything goes wrong inside.
 */
export function maskPreview(preview: Preview, masker: Masker): MaskedPreview {
  try {
    const table = preview.sample && maskTable(preview.sample, NO_CAPS, masker, collectNotes())
    return {
      rows: preview.rows,
      lines: preview.lines.map((line) => maskFreeText(line, masker)),
      sample: table && { columns: table.columns.map(asText), rows: table.rows.map((row) => row.map(asText)) },
      ...(preview.texts !== undefined && {
        texts: preview.texts.map(({ title, text, language }) => ({
          title: maskFreeText(title, masker),
          text: maskFreeText(text, masker),
          language,
        })),
      }),
      missing: [...preview.missing, ...swallowedOf(preview, masker)].map((line) => maskFreeText(line, masker)),
    }
  } catch (cause) {
    throw maskingFailed(cause)
  }
}

/**
 * Texts of which a detector hides more than a piece of one line. A marker that begins a private key and never ends one
 * hides all that stands behind it, so whoever writes the marker decides what reviewers see.
 */
function swallowedOf({ texts = [] }: Preview, masker: Masker): readonly string[] {
  return texts
    .filter(({ text, language }) =>
      masker.findIn(text).some(({ start, end }) => hidesLines(text.slice(start, end), language)),
    )
    .map(({ title }) => `${title}: what looks like a secret hides more than one line of it.`)
}

/** Lines that a diff takes out do not count: what was secret there, and is gone, need not be seen. */
function hidesLines(hidden: string, language: Language): boolean {
  const [, ...lines] = hidden.replace(/\n$/, '').split('\n')
  return lines.some((line) => language !== 'diff' || !line.startsWith('-'))
}

const NO_CAPS = { maxRows: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY }

interface MaskedTable {
  readonly columns: readonly string[]
  readonly types: readonly string[]
  readonly rows: readonly (readonly Json[])[]
  /** Rows were left out to keep the caps. */
  readonly cut: boolean
}

function maskTable(table: ToolTable, caps: ToolOutput['caps'], masker: Masker, notes: NoteCollection): MaskedTable {
  const columns = table.columns.map(({ name }) =>
    maskString(name, undefined, masker, (why) => notes.add('column name', why)),
  )
  const contextOf = contextsOf(table)
  const protectedAt = table.columns.map(({ protectedBy }) =>
    protectedBy.length === 0
      ? undefined
      : { placeholder: placeholderFor(protectedBy.join(',')), why: `protected column ${protectedBy.join(', ')}` },
  )
  const rows: Json[][] = []
  let most = 0
  let bytes: number | undefined
  for (const row of table.rows) {
    if (rows.length >= caps.maxRows) return { columns, types: typesOf(table), rows, cut: true }
    if (row.length !== columns.length) throw new TypeError('a row does not have one value for each column')
    const hidden: [where: string, why: string][] = []
    const shown = columns.map((where, i): Json => {
      const guard = protectedAt[i]
      if (guard !== undefined) {
        hidden.push([where, guard.why])
        return guard.placeholder
      }
      return maskValue(renderValue(row[i]), contextOf(row, i), masker, (why) => hidden.push([where, `detector ${why}`]))
    })
    most += mostBytesOf(shown)
    // Rows are written out to be counted only where they could be too many bytes.
    if (most > caps.maxBytes) {
      bytes = (bytes ?? rows.reduce((sum, row) => sum + bytesOf(row), 0)) + bytesOf(shown)
      if (bytes > caps.maxBytes) return { columns, types: typesOf(table), rows, cut: true }
    }
    for (const [where, why] of hidden) notes.add(where, why)
    rows.push(shown)
  }
  return { columns, types: typesOf(table), rows, cut: false }
}

/** Of a row as JSON, with what stands between it and the next one. */
function bytesOf(row: readonly Json[]): number {
  return Buffer.byteLength(JSON.stringify(row), 'utf8') + 1
}

/**
 * `bytesOf` is never more than this: JSON may write each character as `\u0000`, and no number takes more than 25:
 * `-0.0000012345678901234567`.
 */
function mostBytesOf(row: readonly Json[]): number {
  let most = row.length + 3
  for (const cell of row) {
    if (typeof cell === 'string') most += 6 * cell.length + 2
    else most += typeof cell === 'object' && cell !== null ? bytesOf([cell]) : 25
  }
  return most
}

/**
 * What a cell is called: its column; in a table of settings (`name`, `value`) the value is called what its row says,
 * unless that is protected itself, because then what is hidden would tell about it.
 */
function contextsOf({ columns }: ToolTable): (row: readonly unknown[], at: number) => string {
  const nameAt = columns.findIndex(({ name, protectedBy }) => protectedBy.length === 0 && SETTING_NAME.test(name))
  return (row, at) => {
    const column = columns[at]?.name ?? ''
    const called = row[nameAt]
    return typeof called === 'string' && SETTING_VALUE.test(column) ? called : column
  }
}

const SETTING_NAME = /^(?:name|key|setting|param|parameter|variable|option|property)$/i
const SETTING_VALUE = /^(?:value|val|setting_value|config_value|content)$/i

function typesOf(table: ToolTable): readonly string[] {
  return table.columns.map(({ type }) => type)
}

function asText(value: Json): MaskedText {
  const text = value === null ? 'NULL' : typeof value === 'string' ? value : JSON.stringify(value)
  return text as MaskedText
}
