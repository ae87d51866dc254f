import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isReadOnly } from '../../src/tools/ssh_exec/judge/isReadOnly.ts'
import { READ_ONLY_COMMANDS } from '../../src/tools/ssh_exec/judge/readOnlyCommands.ts'
import type { WrittenPattern } from '../../src/tools/ssh_exec/patterns/commandPattern.ts'

/** What stands for each hole; a path is one of the sandbox. */
function sample(word: string, folder: string): string {
  const bare = word.replace(/\.\.\.$/, '')
  return bare
    .replace(/\{path\}/, `${folder}/a.log`)
    .replace(/\{int\}/, '2')
    .replace(/\{(?:unit|name)\}/, 'root')
    .replace(/\{host\}/, '127.0.0.1')
    .replace(/\{time\}/, 'today')
    .replace(/\{text\}/, '1')
    .replace(/\{lines\}/, '1,2p')
    .replace(/\{columns\}/, '{print $1}')
    .replace(/\{fields\}/, 'pid,cmd')
    .replace(/\{one:([^|}]*)[^}]*\}/, '$1')
}

/** A pattern as commands: bare, and once with each of its options. */
function commandsOf(pattern: WrittenPattern, folder: string): string[][] {
  const flags = pattern.flatMap((part) => (typeof part === 'string' ? [] : part.flags))
  const write = (flag: string | undefined) => {
    let isWritten = flag === undefined
    return pattern.flatMap((part) => {
      if (typeof part === 'string') return [sample(part, folder)]
      if (isWritten || flag === undefined || !part.flags.includes(flag)) return []
      isWritten = true
      return flag.split(' ').map((word) => sample(word, folder))
    })
  }
  return [write(undefined), ...flags.map(write)]
}

/** Names, contents and times of everything in a folder. Reading a file may change when it was read, and nothing else. */
function snapshot(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { mode, mtimeMs, ctimeMs, size } = statSync(join(folder, name))
      const content = statSync(join(folder, name)).isFile()
        ? createHash('sha256')
            .update(readFileSync(join(folder, name)))
            .digest('hex')
        : ''
      return [name, mode, size, mtimeMs, ctimeMs, content].join(' ')
    })
}

test('no command of the rule pack, with any of its options, changes what it works on or where it stands', () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-read-'))
  try {
    mkdirSync(join(folder, 'sub'))
    for (const name of ['a.log', 'b.log', 'sub/c.log', '1'])
      writeFileSync(join(folder, name), 'one 1\ntwo 2\n'.repeat(20))
    symlinkSync(join(folder, 'a.log'), join(folder, 'link'))
    const before = snapshot(folder)
    const missing = new Set<string>()
    let ran = 0
    const changed: string[] = []
    for (const pattern of READ_ONLY_COMMANDS) {
      const name = String(pattern[0])
      if (spawnSync('sh', ['-c', `command -v "$1"`, 'sh', name]).status !== 0) {
        missing.add(name)
        continue
      }
      for (const argv of commandsOf(pattern, folder)) {
        // What is run here is what the list means: a sample that it does not cover proves nothing.
        expect(isReadOnly(argv), argv.join(' ')).toBe(true)
        const [program = '', ...args] = program0(argv)
        spawnSync(program, args, {
          cwd: folder,
          input: 'one 1\ntwo 2\n',
          timeout: 5_000,
          stdio: ['pipe', 'ignore', 'ignore'],
        })
        ran++
      }
      const now = snapshot(folder)
      if (JSON.stringify(now) !== JSON.stringify(before)) changed.push(name)
    }
    console.log(`${ran} commands of the pack ran and changed nothing; not installed here: ${[...missing].join(' ')}`)
    expect(changed).toEqual([])
    expect(ran).toBeGreaterThan(400)
    execFileSync('touch', [join(folder, 'a.log')])
    expect(snapshot(folder)).not.toEqual(before)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

/** A builtin has no program of its own. */
function program0(argv: readonly string[]): readonly string[] {
  return argv[0] === 'command' ? ['sh', '-c', '"$@"', 'sh', ...argv] : argv
}
