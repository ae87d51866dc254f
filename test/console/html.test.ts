import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { html } from '../../src/console/html.ts'
import { codeBlock, inline } from '../../src/console/showText.ts'

const textOf = (markup: unknown) =>
  String(markup)
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&(amp|lt|gt|quot|#39|#96);/g, (entity) => ENTITIES[entity] ?? '')
const ENTITIES: Readonly<Record<string, string>> = {
  ...{ '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&#96;': '`' },
}

describe('html', () => {
  test('escapes what it is given, and not what it made', () => {
    const inner = html`<b>${'<i>'}</b>`
    expect(String(html`<p title="${'"&\''}">${inner}${[inner, '&']}${undefined}${null}${7}</p>`)).toBe(
      '<p title="&quot;&amp;&#39;"><b>&lt;i&gt;</b><b>&lt;i&gt;</b>&amp;7</p>',
    )
  })

  test('an object that only looks like markup is not taken for it', () => {
    const forged = { toString: () => '<script>' } as unknown as string
    expect(() => String(html`${forged}`)).toThrow()
  })
})

describe('untrusted text', () => {
  test('is all there, escaped, with every hidden character written out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        for (const markup of [String(inline(text)), String(codeBlock(text)), String(codeBlock(text, 'sql'))]) {
          expect(markup).not.toMatch(/[\p{Bidi_Control}\u200B\uFEFF\p{Co}\p{Cs}]/u)
          const visible = [...text].filter((character) => /[!-~]/.test(character)).join('')
          const shown = textOf(markup)
            .replaceAll(/⟦U\+[0-9A-F]+⟧/g, '')
            .split('')
            .filter((character) => /[!-~]/.test(character))
            .join('')
          expect(shown).toBe(visible)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    ['a\u202Eb', 'U+202E'],
    ['a\u0000b', 'U+0000'],
    ['a\rb', 'U+000D'],
    ['a\u00A0b', 'U+00A0'],
    ['a\u{E0041}b', 'U+E0041'],
  ])('%j is marked', (text, name) => {
    expect(String(inline(text))).toContain(
      `<mark class="hidden" title="a character that cannot be seen">⟦${name}⟧</mark>`,
    )
  })

  test('a text that imitates the mark is not marked', () => {
    expect(String(inline('⟦U+202E⟧'))).not.toContain('<mark')
  })

  test('lines keep their numbers and their line feeds', () => {
    const markup = String(codeBlock('a\n\nb'))
    expect(markup.match(/class="line"/g)).toHaveLength(3)
    expect(textOf(markup)).toBe('a\n\nb')
  })
})
