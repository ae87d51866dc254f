import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadGate } from '../config/liveConfig.ts'
import { GateError } from '../errors.ts'
import type { JudgedTool } from '../policy/settings.ts'
import { drawSetupSql } from '../tools/run_sql/setup/drawSetupSql.ts'
import { proposeProtected } from '../tools/run_sql/setup/proposeProtected.ts'
import { readSchema } from '../tools/run_sql/setup/readSchema.ts'
import { readTargetUrl } from '../tools/run_sql/setup/targetUrl.ts'
import {
  drawFirstConfig,
  drawFirstPolicy,
  drawFirstPolicyTest,
  type FirstConnection,
  type FirstIdentity,
} from './firstConfig.ts'
import { paint, showSafely, type Terminal } from './terminal.ts'

export interface InitRequest extends FirstIdentity {
  readonly dir: string
  /** URLs of databases, without passwords. */
  readonly postgres: readonly string[]
  /** PGPASSWORD. */
  readonly password: string | undefined
}

/**
 * `countersign init`: writes a first configuration, a policy and its tests for each database, and the SQL of its roles.
 * Looks at the databases, changes nothing in them, and replaces no file that is there.
 */
export async function runInit(request: InitRequest, tools: readonly JudgedTool[], terminal: Terminal): Promise<0> {
  if (request.postgres.length === 0) {
    const detail = 'Name a database with --postgres URL. To begin without one, copy examples/countersign.yaml.'
    throw new GateError('ERR_ARGUMENTS', { detail })
  }
  const connections: FirstConnection[] = []
  const scripts = new Map<string, string>()
  for (const text of request.postgres) {
    const target = readTargetUrl(text)
    terminal.write(
      paint(terminal, 'dim', `looking at ${showSafely(target.database)} on ${showSafely(target.host)} ...`),
    )
    const schema = await readSchema(target, request.password)
    const name = freeName(target.database, connections)
    const protect = proposeProtected(schema)
    const roles = { read: `${roleStem(name)}_ro`, write: `${roleStem(name)}_rw` }
    connections.push({ name, target, protect, ...roles })
    const writes = ['INSERT', 'UPDATE', 'DELETE'] as const
    const script = drawSetupSql({
      ...{ connection: name, database: target.database, ...roles, maxSessions: 8, protect, writes, schema },
    })
    scripts.set(`setup-${name}.sql`, script)
    const columns = schema.tables.reduce((sum, table) => sum + table.columns.length, 0)
    terminal.write(
      `${paint(terminal, 'bold', name)}: PostgreSQL ${schema.major}, ${schema.tables.length} tables, ${columns} columns; proposed for protection: ${protect.length}`,
    )
    for (const column of protect) terminal.write(`  ${showSafely(column)}`)
  }
  const files = new Map([
    ['countersign.yaml', drawFirstConfig(request, connections)],
    ...connections.flatMap((connection): [string, string][] => [
      [join('policies', `${connection.name}.yaml`), drawFirstPolicy(connection)],
      [join('policies', `${connection.name}.test.yaml`), drawFirstPolicyTest(connection)],
    ]),
    ...scripts,
  ])
  await writeNew(request.dir, files)
  // What was written must load: nobody should begin with an error of ours.
  await loadGate(join(request.dir, 'countersign.yaml'), tools)
  terminal.write()
  for (const path of files.keys()) terminal.write(`${paint(terminal, 'green', 'wrote')}  ${join(request.dir, path)}`)
  terminal.write()
  for (const [index, step] of nextSteps(request, connections).entries()) terminal.write(`${index + 1}. ${step}`)
  return 0
}

function nextSteps({ dir }: InitRequest, connections: readonly FirstConnection[]): string[] {
  const path = join(dir, 'countersign.yaml')
  return [
    `Replace every id that begins with 00000000 in ${path}: until then it is nobody's.`,
    ...connections.flatMap(({ name, protect }) => [
      `Read connections.${name}.protect (${protect.length}): names tell only so much; add what else must not be read.`,
      `Run ${join(dir, `setup-${name}.sql`)} with psql as the owner of the database.`,
    ]),
    `countersign policy test ${dir}`,
    `countersign check --config ${path}`,
    `countersign serve --config ${path}`,
  ]
}

/** All or none: a file that is there already stops the first of them. */
async function writeNew(dir: string, files: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(join(dir, 'policies'), { recursive: true })
  for (const [path, text] of files) {
    try {
      await writeFile(join(dir, path), text, { flag: 'wx' })
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
      const detail = `${join(dir, path)} exists and is not replaced: choose another --dir, or move it away.`
      throw new GateError('ERR_ARGUMENTS', { detail, cause })
    }
  }
}

/** A name that policies can use, different for each database. */
function freeName(database: string, taken: readonly FirstConnection[]): string {
  const stem =
    database
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 40) || 'database'
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? stem : `${stem}-${n}`
    if (!taken.some((connection) => connection.name === name)) return name
  }
}

function roleStem(name: string): string {
  return `gate_${name.replaceAll('-', '_')}`
}
