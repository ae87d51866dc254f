import { expect, test } from 'vitest'
import { emitLine } from '../../../src/tools/ssh_exec/line/emitLine.ts'
import { parseLine } from '../../../src/tools/ssh_exec/line/parseLine.ts'

const canonical = (text: string): string | undefined => {
  const parsed = parseLine(text)
  return parsed.plain ? emitLine(parsed.line) : undefined
}

test.each([
  ['ls', `'ls'`],
  [' ls  -la\t/var/log ', `'ls' '-la' '/var/log'`],
  [`grep 'a b' "c d" e\\ f`, `'grep' 'a b' 'c d' 'e f'`],
  [`echo "it's" 'say "hi"'`, `'echo' 'it'\\''s' 'say "hi"'`],
  ['echo "c\\.x" "\\$HOME" "\\\\"', `'echo' 'c\\.x' '$HOME' '\\'`],
  ['a | b && c || d ; e', `'a' | 'b' && 'c' || 'd'; 'e'`],
  ['a||b&&c;d|e', `'a' || 'b' && 'c'; 'd' | 'e'`],
  ['ls;', `'ls'`],
  ['ls 2>&1 | wc -l', `'ls' 2>&1 | 'wc' '-l'`],
  ['ls > /dev/null 2> /dev/null < /dev/null', `'ls' >/dev/null 2>/dev/null </dev/null`],
  ['ls 2>/dev/null -la', `'ls' '-la' 2>/dev/null`],
  ['echo >&2 no', `'echo' 'no' 1>&2`],
  ['dd if=a of=b', `'dd' 'if=a' 'of=b'`],
  [`"ls" 'x'`, `'ls' 'x'`],
  ['[ a = b ]', `'[' 'a' '=' 'b' ']'`],
  ['echo a,b a:b a@b 50% +x', `'echo' 'a,b' 'a:b' 'a@b' '50%' '+x'`],
  ['echo grüße', `'echo' 'grüße'`],
  [`echo '' ""`, `'echo' '' ''`],
])('%j is sent as %s', (text, expected) => {
  expect(canonical(text)).toBe(expected)
})

test.each([
  ['an expansion', ['echo $HOME', 'echo "$HOME"', `echo "\${x}"`, 'echo $1', 'echo "a$"', 'echo $"a"', `echo $'a'`]],
  ['a substitution', ['echo $(id)', 'echo `id`', 'echo "`id`"', 'cat <(id)', 'echo $((1+1))', 'echo $[1]']],
  ['a pattern', ['ls *', 'ls ?', 'ls [a]', 'ls a[b]c', 'ls @(a)', 'echo {a,b}', 'echo {1..3}']],
  ['a tilde', ['ls ~', 'ls ~/x', 'ls a=~/b', 'ls a:~', 'ls "a"~']],
  [
    'a redirect to a file',
    [
      'ls > x',
      'ls >> /dev/null',
      'ls >| /dev/null',
      'ls &> /dev/null',
      'ls >/dev/null2',
      'ls < /etc/passwd',
      'ls 2>&1x',
      'ls <> /dev/null',
      'ls > "/dev/null"',
    ],
  ],
  ['a descriptor', ['ls 3>&1', 'ls >&-', 'ls 2>&3', 'ls {x}>/dev/null', 'ls >& /dev/null']],
  ['a here document', ['cat <<E\nx\nE', 'cat <<< x', 'cat <<-E']],
  [
    'a compound command',
    [
      'if a; then b; fi',
      '(a)',
      '{ a; }',
      'for i in a; do b; done',
      'while a; do b; done',
      '[[ a = b ]]',
      '((1))',
      'case a in a) b;; esac',
      'a() { b; }',
      'function f { a; }',
      'select x in a; do b; done',
    ],
  ],
  ['background', ['a &', 'a & b', 'coproc a']],
  ['a line break', ['a\nb', 'a\\\nb', 'a\r', '\na', 'a\n', 'echo "a\nb"', `echo 'a\nb'`]],
  ['a control character', ['a\0b', 'a\x1b[0m', 'a\x07', 'a\x7f']],
  ['a backslash at the end', ['a \\', 'a\\']],
  ['a backslash before what is not printable', ['a \\\u00e4', 'a \\\t']],
  ['an assignment', ['A=b', 'A=b ls', 'export A=b', 'A+=b ls', 'A[0]=b']],
  ['time, a negation', ['time ls', '! ls', 'ls && ! ls', 'ls | ! ls']],
  [
    'an odd command name',
    [
      '%1',
      '"%1"',
      '"" x',
      `'if' x`,
      '"time" x',
      './x',
      '../x',
      '. x',
      '~/x',
      '-x',
      '"a b"',
      '"A=b" ls',
      '/bin/../x y',
      '//bin/ls',
      '"then"',
      '\u00e4',
      '!x',
      '"!" x',
      '{',
      '/',
    ],
  ],
  [
    'what is no shell line',
    ['', '   ', ';', '&&', 'a &&', 'a;;b', '| a', "echo '", 'echo "', 'a (b', 'a )', 'a b)', 'a; ; b'],
  ],
  ['a comment', ['a # b', '# a', 'a #b']],
  ['a pipe of both streams', ['a |& b']],
  ['two words that touch', ['a>/dev/null', 'ls x2>&1', 'ls 2>&1"x"', 'ls a>/dev/null']],
])('a line with %s is not plain', (_, lines) => {
  expect(lines.filter((text) => canonical(text) !== undefined).map((text) => [text, canonical(text)])).toEqual([])
})

test('the reason is told', () => {
  expect(parseLine('echo $(id)')).toEqual({ plain: false, why: 'it has an expansion, a pattern or an unusual quote' })
  expect(parseLine('a > b')).toEqual({
    plain: false,
    why: 'it redirects to or from something other than /dev/null',
  })
})

test('a line of any length and depth is read in time, or is not plain', () => {
  expect(parseLine('('.repeat(60_000)).plain).toBe(false)
  expect(parseLine('$('.repeat(30_000)).plain).toBe(false)
  expect(parseLine(`echo ${'a '.repeat(30_000)}`).plain).toBe(true)
})
