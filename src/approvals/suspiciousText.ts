/** A way in which text can look like something else than it is. */
export interface TextWarning {
  readonly kind:
    | 'bidirectional'
    | 'invisible'
    | 'control'
    | 'odd-space'
    | 'look-alike'
    | 'stacked-marks'
    | 'private-or-unassigned'
    | 'long-blank'
  readonly count: number
  /** For people: what it is and where first. Contains no suspicious character itself. */
  readonly message: string
}

type Kind = TextWarning['kind']

// Sources: Unicode Bidi_Control, Default_Ignorable_Code_Point and UTS 39; each is drawn as nothing or moves its neighbours.
const BIDIRECTIONAL = /\p{Bidi_Control}/u
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\u2800]/u
const CONTROL = /\p{Cc}/u
const ODD_SPACE = /[\p{Zs}\p{Zl}\p{Zp}]/u
const NO_CHARACTER = /[\p{Co}\p{Cn}\p{Cs}]/u

/** Latin letters in disguise: full-width forms, letter-like symbols and mathematical alphabets. */
const DISGUISED_LATIN = /[\uFF01-\uFF5E\u2100-\u214F\u{1D400}-\u{1D7FF}]/u
const WORD = /[\p{L}\p{M}\p{N}_]+/gu
const LATIN = /\p{Script=Latin}/u
const LOOK_ALIKE_SCRIPT =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}]/u
/** Cyrillic and Greek letters that are drawn like Latin ones. A word of nothing else can pass for an English one. */
const TWIN = /^[асеорхуіјѕһԁԛԝӏАВЕКМНОРСТХУІЈЅԌοανυικρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ\d_]+$/u
const STACKED_MARKS = /\p{M}{4,}/gu
const LONG_BLANK = /(?:[^\S\n]*\n){20,}|[^\S\n]{120,}/gu

/** Everything in a text that could deceive a reader, one entry a kind. Line feeds and tabs are ordinary. */
export function findSuspiciousText(text: string): readonly TextWarning[] {
  const found = new Map<Kind, { count: number; first: string }>()
  const add = (kind: Kind, first: string) => {
    const known = found.get(kind)
    found.set(kind, { count: (known?.count ?? 0) + 1, first: known?.first ?? first })
  }
  for (const character of text) {
    const kind = kindOf(character)
    if (kind !== undefined) add(kind, nameOf(character))
  }
  for (const [word] of text.matchAll(WORD)) {
    if (isLookAlike(word)) add('look-alike', showHidden(word))
  }
  for (const [marks] of text.matchAll(STACKED_MARKS)) add('stacked-marks', `${marks.length} marks on one letter`)
  for (const [blank] of text.matchAll(LONG_BLANK)) add('long-blank', `${blank.length} blank characters in a row`)
  return [...found].map(([kind, { count, first }]) => ({ kind, count, message: `${EXPLAINED[kind]}: ${first}` }))
}

/**
 * The same text with every character that cannot be seen, or that moves others, written out as `⟦U+202E⟧`. Line feeds
 * and tabs stay. Safe to print on a terminal: no control character is left.
 */
export function showHidden(text: string): string {
  let shown = ''
  for (const character of text) shown += kindOf(character) === undefined ? character : `⟦${nameOf(character)}⟧`
  return shown
}

const EXPLAINED: Readonly<Record<Kind, string>> = {
  bidirectional: 'characters that reverse the order in which text is shown',
  invisible: 'invisible characters',
  control: 'control characters',
  'odd-space': 'unusual spaces',
  'look-alike': 'a word whose letters pass for Latin ones',
  'stacked-marks': 'marks stacked on one letter',
  'private-or-unassigned': 'characters without a meaning in Unicode',
  'long-blank': 'a long blank stretch that could push text out of sight',
}

function kindOf(character: string): Kind | undefined {
  if (character === '\n' || character === '\t' || character === ' ') return undefined
  // Nearly every character of nearly every request.
  if (character > ' ' && character < '\x7f') return undefined
  if (BIDIRECTIONAL.test(character)) return 'bidirectional'
  if (CONTROL.test(character)) return 'control'
  if (INVISIBLE.test(character)) return 'invisible'
  if (ODD_SPACE.test(character)) return 'odd-space'
  if (NO_CHARACTER.test(character)) return 'private-or-unassigned'
  return undefined
}

function isLookAlike(word: string): boolean {
  if (DISGUISED_LATIN.test(word)) return true
  if (!LOOK_ALIKE_SCRIPT.test(word)) return false
  return LATIN.test(word) || TWIN.test(word)
}

function nameOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}
