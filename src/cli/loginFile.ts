import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import * as z from 'zod'
import { CommandStop } from './commandStop.ts'

const loginFile = z.strictObject({
  version: z.literal(1),
  /** By the origin of the gateway: a token is sent to no other. */
  logins: z.record(z.string(), z.strictObject({ token: z.string().min(1), expires_at: z.iso.datetime() })),
})

type Logins = z.infer<typeof loginFile>['logins']

/** `countersign/logins.json` in the user's configuration folder (XDG Base Directory: a relative folder is ignored). */
export function loginFilePath(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const { XDG_CONFIG_HOME: configured = '' } = env
  return join(isAbsolute(configured) ? configured : join(home, '.config'), 'countersign', 'logins.json')
}

/** The token for this gateway; undefined without a login. Throws CommandStop when it has expired or others can read it. */
export async function readLogin(path: string, gateway: string, now: number): Promise<string | undefined> {
  const logins = await readLogins(path)
  const login = Object.hasOwn(logins, gateway) ? logins[gateway] : undefined
  if (login === undefined) return undefined
  if (now < Date.parse(login.expires_at)) return login.token
  throw new CommandStop(2, `The login to ${gateway} has expired. Log in again: countersign approvals login`)
}

/** Kept in a file of mode 0600. `expiresAt` is milliseconds since 1970. */
export async function saveLogin(path: string, gateway: string, token: string, expiresAt: number): Promise<void> {
  const logins = await readLogins(path)
  await writeLogins(path, { ...logins, [gateway]: { token, expires_at: new Date(expiresAt).toISOString() } })
}

/** False when there was none. */
export async function removeLogin(path: string, gateway: string): Promise<boolean> {
  const { [gateway]: found, ...others } = await readLogins(path)
  if (found === undefined) return false
  if (Object.keys(others).length === 0) await rm(path)
  else await writeLogins(path, others)
  return true
}

async function readLogins(path: string): Promise<Logins> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new CommandStop(2, `${path} cannot be read (${error.code}).`)
  })
  if (file === undefined) return {}
  try {
    const { mode } = await file.stat()
    // Windows has no such bits; there the profile folder protects the file.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new CommandStop(2, `${path} can be read by others. Remove it and log in again: countersign approvals login`)
    }
    const parsed = loginFile.safeParse(parseJson(await file.readFile('utf8')))
    if (parsed.success) return parsed.data.logins
    throw new CommandStop(2, `${path} is damaged. Remove it and log in again: countersign approvals login`)
  } finally {
    await file.close()
  }
}

async function writeLogins(path: string, logins: Logins): Promise<void> {
  const folder = dirname(path)
  const next = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if (((await stat(folder)).mode & 0o022) !== 0) await chmod(folder, 0o700)
    const file = await open(next, 'wx', 0o600)
    await file.writeFile(`${JSON.stringify({ version: 1, logins }, undefined, 2)}\n`)
    await file.close()
    await rename(next, path)
  } catch (error) {
    await rm(next, { force: true })
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw new CommandStop(2, `The login cannot be kept in ${path}${code}.`)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
