/**
 * Markup that this program wrote. Text from anywhere else comes into it escaped. An object, because a string could not
 * be told from any other string at run time.
 */
export class Html {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }

  /** For `html` alone: the parts are literals of our own source. */
  static fromTemplate(parts: TemplateStringsArray, values: readonly Content[]): Html {
    return new Html(parts.reduce((text, part, index) => text + render(values[index - 1]) + part))
  }
}

/** What a template takes: markup as it is, lists joined, nothing for undefined and null, and all else escaped. */
export type Content = Html | string | number | undefined | null | readonly Content[]

/** Markup as a template. Values may stand in text and in quoted attributes, nowhere else. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return Html.fromTemplate(parts, values)
}

function render(value: Content): string {
  if (value instanceof Html) return value.toString()
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return escapeText(value)
  return typeof value === 'number' ? String(value) : value.map(render).join('')
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

function escapeText(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '')
}
