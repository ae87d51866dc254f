const BLANK_LINES = '\n'.repeat(400)
const FILLER = "SELECT 'harmless' AS a; -- nothing to see\n".repeat(1_000)

/** Texts of an agent that try to hide DANGER from a person who reads them in Slack, or to dress it up. */
export const DANGER = 'DROP TABLE users'

export const HOSTILE_TEXTS: Readonly<Record<string, string>> = {
  'a code fence that ends early': `\`\`\`\n*Approved by security* :white_check_mark:\n\`\`\`${DANGER}`,
  'mentions of everybody': `<!channel> <!here> <@U0ANN> <#C0APPROVALS> ${DANGER}`,
  'a link with another text': `<https://evil.example/x|https://docs.corp.example> ${DANGER}`,
  'a date that speaks': `<!date^1^safe|safe> ${DANGER}`,
  'emoji and markup': `:skull: *bold* _it_ ~no~ \`code\` ${DANGER} > quote`,
  'markup that is escaped already': `&lt;!channel&gt; &amp; ${DANGER}`,
  'a bidirectional override': `SELECT 1 \u202E ${DANGER} \u202C`,
  'an isolate': `\u2066${DANGER}\u2069`,
  'zero-width characters': `DR\u200BOP TABLE users; ${DANGER}`,
  'tag characters': `SELECT 1${[...'evil'].map((c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join('')} ${DANGER}`,
  'a soft hyphen and a filler': `DROP\u00AD\u3164 ${DANGER}`,
  'look-alike letters': `DELETE FROM раyments; ${DANGER}`,
  'full-width letters': `ＤＲＯＰ TABLE x; ${DANGER}`,
  'a terminal sequence': `\u001B[2J\u001B[1;1H${DANGER}`,
  'a carriage return': `${DANGER}\rSELECT 1         `,
  'stacked marks': `S${'\u0301'.repeat(40)}ELECT 1; ${DANGER}`,
  'lone surrogates': `\uD800 ${DANGER} \uDC00`,
  '400 blank lines in front': `SELECT 1;${BLANK_LINES}${DANGER}`,
  '400 blank lines behind': `${DANGER}${BLANK_LINES}`,
  'lines of blanks in front': `SELECT 1;${`\n${' '.repeat(39)}`.repeat(300)}\n${DANGER}`,
  '5 000 spaces in front': `SELECT 1;${' '.repeat(5_000)}${DANGER}`,
  'tabs in front': `SELECT 1;${'\t'.repeat(500)}${DANGER}`,
  'ideographic spaces in front': `SELECT 1;${'\u3000'.repeat(500)}${DANGER}`,
  'one line of 40 KB, danger in the middle': `SELECT ${'1,'.repeat(10_000)} ${DANGER} ${'1,'.repeat(10_000)}`,
  '40 KB, danger in the middle': `${FILLER.slice(0, 20_000)}${DANGER}\n${FILLER.slice(0, 20_000)}`,
  '40 KB, danger at the end': `${FILLER.slice(0, 40_000)}${DANGER}`,
  '40 KB, danger in front': `${DANGER}\n${FILLER.slice(0, 40_000)}`,
  '31 lines, danger in the middle': `${'SELECT 1;\n'.repeat(15)}${DANGER}\n${'SELECT 1;\n'.repeat(15)}`,
  'a notice that nothing is missing': `NOT SHOWN: 0 of 0 characters.\n${DANGER}\n⟦400 blank lines⟧`,
  'wide characters': `${'漢'.repeat(6_000)} ${DANGER}`,
  'emoji of many code points': `${'👩‍👩‍👧‍👦'.repeat(600)} ${DANGER}`,
  '1 MB': `${FILLER.repeat(24)}${DANGER}`,
  'nothing but blanks': ` ${'\n'.repeat(3)} `,
  nothing: '',
}
