import type { Detector } from './detector.ts'

/**
 * Digits that look like the number on a payment card: an issuer's prefix and length (ISO/IEC 7812), grouped as on the
 * card or not at all, with a correct Luhn digit. Digits that belong to something longer (an id with letters, a decimal,
 * a timestamp with a fraction, a path) are left alone. About two in a hundred random 16-digit numbers pass.
 */
const CARD =
  /(?<![\w.#/+%-])(?:(?:4\d{3}|5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720|6011|65\d{2}|64[4-9]\d|35(?:2[89]|[3-8]\d)|62\d{2})(?<gap>[ -]?)\d{4}\k<gap>\d{4}\k<gap>\d{4}|3[47]\d{2}(?<amexGap>[ -]?)\d{6}\k<amexGap>\d{5}|3(?:0[0-5]|[68]\d)\d(?<dinersGap>[ -]?)\d{6}\k<dinersGap>\d{4})(?![\w/-]|\.\d)/g

/** In an assignment these name a number that is not a card: `order_id=4...`. */
const ID_BEFORE = /(?:id|uuid|order|seq|ts|timestamp|offset|trace|span)["']?\s{0,2}[:=]\s{0,2}["']?$/i

export const paymentCards: Detector & { pattern: RegExp } = {
  name: 'payment-card',
  anchors: [],
  pattern: CARD,
  find(text) {
    // Costs a tenth of the whole pattern, and almost no text has such digits.
    if (!/\d{4}[ -]?\d{4,6}[ -]?\d{4}/.test(text)) return []
    return [...text.matchAll(CARD)]
      .filter(
        (match) => passesLuhn(match[0]) && !ID_BEFORE.test(text.slice(Math.max(0, match.index - 24), match.index)),
      )
      .map((match) => ({ start: match.index, end: match.index + match[0].length, why: 'payment-card' }))
  },
}

/** ISO/IEC 7812-1 annex B. */
function passesLuhn(number: string): boolean {
  const digits = number.replace(/\D/g, '')
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i])
    const weighed = i % 2 === 0 ? digit : digit * 2
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  // A run of one digit is filler.
  return sum % 10 === 0 && new Set(digits).size > 1
}
