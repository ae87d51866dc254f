/**
 * Takes out of a text, piece by piece, what a terminal would act on: escape sequences (ECMA-48), the strings of OSC, DCS,
 * APC, PM and SOS with all that is in them, and every control character but line feed and tab. A carriage return before a
 * line feed goes; alone, it becomes a line feed, so that nothing is overwritten.
 */
export function createStripper(): { write(text: string): string } {
  let state: 'text' | 'escape' | 'intermediate' | 'csi' | 'string' | 'string-escape' | 'return' = 'text'

  const step = (char: string, code: number): string => {
    switch (state) {
      case 'return':
        state = 'text'
        return code === 0x0a ? '\n' : `\n${step(char, code)}`
      case 'text':
        if (code === 0x1b) state = 'escape'
        else if (code === 0x9b) state = 'csi'
        else if (STRING_STARTS_C1.has(code)) state = 'string'
        else if (code === 0x0d) state = 'return'
        else if (code === 0x0a || code === 0x09 || !isControl(code)) return char
        return ''
      case 'escape':
        if (char === '[') state = 'csi'
        else if (STRING_STARTS.has(char)) state = 'string'
        else if (code >= 0x20 && code <= 0x2f) state = 'intermediate'
        else state = code === 0x1b ? 'escape' : 'text'
        return endsBroken(char, code)
      case 'intermediate':
        if (code < 0x20 || code > 0x2f) state = code === 0x1b ? 'escape' : 'text'
        return endsBroken(char, code)
      case 'csi':
        if (code === 0x1b) state = 'escape'
        else if (code < 0x20 || code > 0x3f) state = 'text'
        return endsBroken(char, code)
      case 'string':
        if (code === 0x1b) state = 'string-escape'
        // A string ends at BEL, ST or CAN; at a line feed too, so that one that never ends hides one line at most.
        else if (code === 0x07 || code === 0x9c || code === 0x18 || code === 0x0a) state = 'text'
        return code === 0x0a ? '\n' : ''
      case 'string-escape':
        state = char === '\\' ? 'text' : 'escape'
        return state === 'escape' ? step(char, code) : ''
      default:
        return state satisfies never
    }
  }
  return {
    write(text) {
      if (state === 'text' && !NEEDS_WORK.test(text)) return text
      let kept = ''
      for (let at = 0; at < text.length; at++) kept += step(text.charAt(at), text.charCodeAt(at))
      return kept
    },
  }
}

const NEEDS_WORK = /[^\P{Cc}\n\t]/u
const STRING_STARTS = new Set([']', 'P', '_', '^', 'X'])
const STRING_STARTS_C1 = new Set([0x90, 0x98, 0x9d, 0x9e, 0x9f])

const isControl = (code: number) => code < 0x20 || (code >= 0x7f && code <= 0x9f)

/** A sequence that is broken off by a line feed or by text beyond ASCII did not swallow that. */
const endsBroken = (char: string, code: number): string => (code === 0x0a || code > 0x9f ? char : '')
