import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

/** Compiles some of the sources into a folder, so that a test can run them in a process that it may kill. */
export function compileSources(out: string, sources: readonly string[]): void {
  mkdirSync(out, { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(out, 'node_modules'))
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      rootDir: join(ROOT, 'src'),
      outDir: out,
      noEmit: false,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: [],
    files: sources.map((source) => join(ROOT, source)),
  }
  writeFileSync(join(out, 'tsconfig.json'), JSON.stringify(config))
  writeFileSync(join(out, 'package.json'), '{"type":"module"}')
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(out, 'tsconfig.json')], {
    stdio: 'inherit',
  })
}
