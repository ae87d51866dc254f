import { constants } from 'node:fs'
import { access, cp, mkdir, readFile, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The PostgreSQL majors that the optional dependencies bring. */
export type PostgresMajor = 15 | 16 | 17 | 18

export interface PostgresBinaries {
  readonly postgres: string
  readonly initdb: string
  /** Environment by which the binaries find their shared libraries. */
  readonly env: Readonly<Record<string, string>>
}

/** An unprivileged account that the server runs as; undefined when this process is unprivileged itself. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/**
 * Makes the server binaries of the `pgbin<major>-<platform>` packages runnable by `account`, using `scratch` for what
 * has to be written; the packages themselves are never changed. The packages list the library links that their install
 * script would make, and install scripts do not run here, so the links are made in `scratch`. The whole package is
 * copied there when the account cannot read it in place, and on macOS, where the loader ignores other folders.
 */
export async function preparePostgresBinaries(
  major: PostgresMajor,
  scratch: string,
  account: Account | undefined,
): Promise<PostgresBinaries> {
  const native = findNative(major)
  const inPlace = process.platform === 'linux' && (account === undefined || (await isOpenToAll(native)))
  const libraries = inPlace ? join(scratch, 'lib') : join(scratch, 'native', 'lib')
  const root = inPlace ? native : join(scratch, 'native')
  if (inPlace) await mkdir(libraries)
  else await cp(native, root, { recursive: true, mode: constants.COPYFILE_FICLONE })

  for (const link of JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Link[]) {
    const source = join(root, withoutNative(link.source))
    const target = join(libraries, withoutNative(link.target).replace(/^lib\//, ''))
    // A package manager that ran the install script has left the link in the copy already.
    if (!(await exists(target))) await symlink(source, target)
  }
  return {
    postgres: join(root, 'bin', 'postgres'),
    initdb: join(root, 'bin', 'initdb'),
    env: inPlace ? { LD_LIBRARY_PATH: `${libraries}:${join(native, 'lib')}` } : { LD_LIBRARY_PATH: libraries },
  }
}

interface Link {
  readonly source: string
  readonly target: string
}

function findNative(major: PostgresMajor): string {
  const name = `pgbin${major}-${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw new Error(
      `No embedded PostgreSQL ${major} for ${process.platform}-${process.arch}: the optional package ${name} is not installed. Install with optional dependencies, on Linux or macOS (x64 or arm64).`,
      { cause },
    )
  }
}

function withoutNative(path: string): string {
  return path.replace(/^native\//, '')
}

/** Whether every account may read this folder: each parent is searchable and the files are readable. */
async function isOpenToAll(folder: string): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o005) !== 0o005 && !(await isOnlySearchable(path, folder))) return false
    if (path === dirname(path)) break
  }
  const executable = await stat(join(folder, 'bin', 'postgres'))
  const data = await stat(join(folder, 'share', 'postgresql', 'postgres.bki')).catch(() => undefined)
  return (executable.mode & 0o005) === 0o005 && data !== undefined && (data.mode & 0o004) === 0o004
}

/** A parent needs only the search permission; the folder itself must be listable as well. */
async function isOnlySearchable(path: string, folder: string): Promise<boolean> {
  return path !== folder && ((await stat(path)).mode & 0o001) === 0o001
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
