import { describe, expect, test } from 'vitest'
import { collectText } from '../../../src/tools/ssh_exec/output/collectText.ts'
import { createStripper } from '../../../src/tools/ssh_exec/output/stripEscapes.ts'

const strip = (...pieces: readonly string[]) => {
  const stripper = createStripper()
  return pieces.map((piece) => stripper.write(piece)).join('')
}

describe('escape sequences', () => {
  test.each([
    ['a colour', '\x1b[31mred\x1b[0m', 'red'],
    ['a title', '\x1b]0;pwned\x07text', 'text'],
    ['a title that ends with ST', '\x1b]2;pwned\x1b\\text', 'text'],
    ['a clipboard', '\x1b]52;c;cm0gLXJm\x07x', 'x'],
    ['a link', '\x1b]8;;http://198.51.100.7\x1b\\click\x1b]8;;\x1b\\', 'click'],
    ['a device string', '\x1bP1$r\x1b\\x', 'x'],
    ['one-byte forms', '\x9b31mx\x9d0;t\x9cy', 'xy'],
    ['a charset', '\x1b(Bx', 'x'],
    ['an escape at the end', 'x\x1b', 'x'],
    ['an escape in an escape', '\x1b\x1b[31mx', 'x'],
    ['a cursor that goes back over what was said', 'rm -rf /\r\x1b[2Kls\b\b', 'rm -rf /\nls'],
    ['line ends', 'a\r\nb\rc\n', 'a\nb\nc\n'],
    ['controls', 'a\0b\x07c\x7fd\u0085e', 'abcde'],
    ['a string that never ends', '\x1b]0;abc\nnext', '\nnext'],
    ['text beyond ASCII', 'é💥\t', 'é💥\t'],
  ])('%s', (_, text, expected) => {
    expect(strip(text)).toBe(expected)
    expect(strip(...text)).toBe(expected)
    expect(strip(text)).not.toMatch(/[^\P{Cc}\n\t]/u)
  })

  test('a megabyte of them is read in time', () => {
    expect(strip('\x1b['.repeat(500_000))).toBe('')
    expect(strip('\x1b]'.repeat(500_000))).toBe('')
  })
})

describe('collectText', () => {
  test('keeps a text whole that was cut in the middle of a character', () => {
    const collector = collectText(1_000)
    for (const byte of Buffer.from('héllo 💥')) collector.write(Buffer.from([byte]))
    expect(collector.finish()).toEqual({ text: 'héllo 💥', truncated: false })
  })

  test('shows bytes that are not UTF-8 as such', () => {
    const collector = collectText(1_000)
    collector.write(Buffer.from([0x61, 0xff, 0x62]))
    expect(collector.finish().text).toBe('a\ufffdb')
  })

  test('keeps enough beyond the cap that a secret at the cut is still whole, and no half of one at its own end', () => {
    const collector = collectText(1_024)
    collector.write(Buffer.from('word '.repeat(1_000_000)))
    const { text, truncated } = collector.finish()
    expect(truncated).toBe(true)
    expect(text.length).toBeGreaterThan(1_024 + 60_000)
    expect(text.length).toBeLessThan(1_024 + 70_000)
    expect(text.endsWith('word')).toBe(true)
  })

  test('an endless escape sequence is not read for ever', () => {
    const collector = collectText(1_024)
    for (let chunk = 0; chunk < 100 && !collector.isFull(); chunk++)
      collector.write(Buffer.from('\x1b[0m'.repeat(16_384)))
    expect(collector.isFull()).toBe(true)
    expect(collector.finish()).toEqual({ text: '', truncated: true })
  })
})
