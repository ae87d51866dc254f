import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EditableField } from '../approvals/editableFields.ts'
import type { ReviewView } from '../approvals/review.ts'
import type { Json } from '../call.ts'
import { requireSeen } from './approvals.ts'
import { CommandStop, type ExitCode } from './commandStop.ts'
import { drawApproval } from './drawApproval.ts'
import { type ApprovalsOptions, asJson, ask, type Output, run } from './reviewerApi.ts'

export interface ModifyOptions extends ApprovalsOptions {
  /** `name=text` or `name=@file`, each. */
  readonly set: readonly string[]
  /** The argument to open in an editor; `true` where there is only one. */
  readonly edit: string | true | undefined
  /** Why; the next reviewer and the agent read it. */
  readonly reason: string | undefined
  /** The digest that `show` printed, where the request hides something. */
  readonly digest: string | undefined
  /** Command line of an editor: VISUAL or EDITOR. */
  readonly editor: string | undefined
}

/**
 * `countersign approvals modify ID`: puts another request in the place of one that waits. Prints the new one, which
 * somebody else has to approve.
 */
export async function modifyApproval(id: string, options: ModifyOptions, io: Output): Promise<ExitCode> {
  return run(io, async () => {
    const path = `/${encodeURIComponent(id)}`
    const { approval } = await ask<{ approval: ReviewView }>(options, 'GET', path)
    if (approval.state !== 'pending')
      throw new CommandStop(1, `${approval.id} is ${approval.state}: nothing can be changed.`)
    requireSeen(approval, options.digest)
    const set = Object.fromEntries([
      ...(await Promise.all(options.set.map((text) => readChange(text, approval)))),
      ...(options.edit === undefined ? [] : [await editField(fieldToEdit(options.edit, approval), options.editor)]),
    ])
    if (Object.keys(set).length === 0)
      throw new CommandStop(2, 'Nothing to change: use --set NAME=TEXT, --set NAME=@FILE or --edit.')
    const body = { digest: approval.digest, set, ...(options.reason !== undefined && { reason: options.reason }) }
    const answer = await ask<{ approval: ReviewView; replaced: string }>(options, 'POST', `${path}/modify`, body)
    if (options.json) return io.out(asJson(answer))
    io.out(
      `${drawApproval(answer.approval, Date.now())}\n${answer.approval.id} took the place of ${answer.replaced}. Somebody else has to approve it.\n`,
    )
  })
}

/** `sql=DELETE ...`, `sql=@fixed.sql`; `@@` at the beginning is an at sign. */
async function readChange(text: string, { editable }: ReviewView): Promise<readonly [string, Json]> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new CommandStop(2, '--set takes NAME=TEXT or NAME=@FILE.')
  const [name, given] = [text.slice(0, equals), text.slice(equals + 1)]
  const value = given.startsWith('@@') ? given.slice(1) : given.startsWith('@') ? await readText(given.slice(1)) : given
  return [
    name,
    jsonFor(
      editable.find((field) => field.name === name),
      name,
      value,
    ),
  ]
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    throw new CommandStop(2, `The file ${path} cannot be read.`)
  }
}

/** Texts as they are. What is no text in the request is JSON; what is not in it is JSON where it can be read as such. */
function jsonFor(field: EditableField | undefined, name: string, text: string): Json {
  if (field?.kind === 'text') return text
  try {
    return JSON.parse(text) as Json
  } catch {
    if (field === undefined) return text
    throw new CommandStop(2, `${name} has to be JSON.`)
  }
}

function fieldToEdit(edit: string | true, { editable }: ReviewView): EditableField {
  const names = editable.map(({ name }) => name).join(', ')
  const found = edit === true && editable.length === 1 ? editable[0] : editable.find(({ name }) => name === edit)
  if (found === undefined)
    throw new CommandStop(2, `--edit needs the name of an argument: ${names || 'none can be edited'}.`)
  return found
}

/** What is hidden is not in the file: it is written anew. */
async function editField(field: EditableField, editor: string | undefined): Promise<readonly [string, Json]> {
  const [program, ...args] = (editor ?? '').split(/\s+/).filter((part) => part !== '')
  if (program === undefined) throw new CommandStop(2, 'Set EDITOR, or use --set NAME=@FILE.')
  // A folder that nobody else can look into.
  const folder = await mkdtemp(join(tmpdir(), 'countersign-edit-'))
  try {
    const path = join(folder, `${field.name.replaceAll(/[^\w.-]/g, '_')}.${field.language === 'sql' ? 'sql' : 'txt'}`)
    await writeFile(path, field.text ?? '', { mode: 0o600 })
    await new Promise<void>((resolve, reject) => {
      const failed = () => reject(new CommandStop(2, 'The editor did not end well; nothing was changed.'))
      const child = spawn(program, [...args, path], { stdio: 'inherit' })
      child.once('error', failed)
      child.once('exit', (code) => (code === 0 ? resolve() : failed()))
    })
    const text = await readFile(path, 'utf8')
    // Editors end files with a line feed that was not there.
    const same = text === `${field.text ?? ''}\n` ? (field.text ?? '') : text
    if (same === (field.text ?? '')) throw new CommandStop(1, 'Nothing was changed.')
    return [field.name, jsonFor(field, field.name, same)]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
