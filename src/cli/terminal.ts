import type { WriteStream } from 'node:tty'

/** Where a command prints, and whether a person with colours is looking. */
export interface Terminal {
  readonly colour: boolean
  readonly width: number
  write(line?: string): void
}

/** Colours only for a terminal, and never when NO_COLOR is set (https://no-color.org). */
export function openTerminal(stream: Pick<WriteStream, 'write'> & { isTTY?: boolean; columns?: number }): Terminal {
  return {
    colour: stream.isTTY === true && (process.env.NO_COLOR ?? '') === '',
    width: stream.columns ?? 100,
    write: (line = '') => void stream.write(`${line}\n`),
  }
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const

export type Style = keyof typeof STYLES

export function paint(terminal: Terminal, style: Style, text: string): string {
  return terminal.colour ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text
}

/**
 * Makes text safe for a terminal: control characters, bidirectional overrides and invisible characters are shown as
 * escapes, so that what a person reads is what is there.
 */
export function showSafely(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  )
}

/** Lines of a table with a header; cells are shown safely and cut to what the terminal can show. */
export function tableLines(columns: readonly string[], rows: readonly (readonly string[])[], maxCell = 48): string[] {
  const cells = [columns, ...rows].map((row) => row.map((cell) => cut(showSafely(cell), maxCell)))
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => [...(row[index] ?? '')].length)))
  const line = (row: readonly string[]) =>
    row.map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - [...cell].length)).join('  ')
  const [header = [], ...body] = cells
  return [line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...body.map(line)].map((text) =>
    text.trimEnd(),
  )
}

function cut(text: string, length: number): string {
  const characters = [...text]
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`
}
