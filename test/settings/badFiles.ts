import { readFileSync } from 'node:fs'

/** A file that must not load, and the problems that must be named, in order. */
export interface BadFile {
  readonly name: string
  readonly text: string
  readonly problems: readonly string[]
}

/** Reads a corpus: sections of `== name`, the text of a file, `-- problems`, and one `line:column: message` per line. */
export function readBadFiles(path: string | URL): BadFile[] {
  const [, ...sections] = readFileSync(path, 'utf8').split(/^== /m)
  return sections.map((section) => {
    const [head = '', tail = ''] = section.split(/^-- problems\n/m)
    const [name = '', ...lines] = head.split('\n')
    return { name, text: lines.join('\n'), problems: tail.trim().split('\n') }
  })
}
