import { type Dirent, readdirSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { matchesGlob } from '../settings/glob.ts'

/**
 * The files that a pattern such as `policies/*.yaml` names, sorted. `*` stands for characters within one part of the
 * path. Hidden files, and `*.test.yaml` beside the policies they test, are found only when they are named in full.
 */
export function findFiles(folder: string, pattern: string): string[] {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.')
  let found = [isAbsolute(pattern) ? '/' : folder]
  parts.forEach((part, index) => {
    const last = index === parts.length - 1
    if (!part.includes('*')) {
      found = found.map((path) => join(path, part)).filter((path) => !last || isFile(path))
      return
    }
    found = found.flatMap((path) =>
      entriesOf(path)
        .filter((entry) => isNamedBy(part, entry.name) && !(last && entry.name.endsWith('.test.yaml')))
        // A Kubernetes ConfigMap is mounted as links.
        .filter((entry) => entry.isSymbolicLink() || (last ? entry.isFile() : entry.isDirectory()))
        .map((entry) => join(path, entry.name))
        .sort(),
    )
  })
  return found
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function isNamedBy(glob: string, name: string): boolean {
  return (glob.startsWith('.') || !name.startsWith('.')) && matchesGlob(glob, name)
}
