import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, test } from 'vitest'

/** What the pipeline is made of. A tool comes to it through its contract, never by its folder. */
const STAGES: readonly string[] = [
  ...['call.ts', 'errors.ts', 'newId.ts', 'tools/tool.ts', 'gateTools'],
  ...['identity', 'policy', 'approvals', 'masking', 'audit'],
]

/**
 * What each part of src may import: parts (a folder or a file of src), single files, packages. A new import and a new
 * folder both fail here, so that the picture in CONTRIBUTING.md changes only on purpose. Imports go one way:
 * main, startGateway -> cli, mcp, console, slack, adapters, demo, gateway -> pipeline -> stages -> call, errors, settings.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  // What everybody shares.
  'call.ts': [],
  'errors.ts': ['errors'],
  /** The rows of the table in errors.ts, which alone imports them. */
  errors: [],
  'newId.ts': ['node:crypto'],
  /** What stands where a value was hidden. */
  'placeholder.ts': [],
  settings: ['errors.ts', 'node:fs/promises', 'yaml', 'zod'],

  // The stages of a call. None imports another.
  identity: ['call.ts', 'errors.ts', 'settings', 'jose', 'node:crypto', 'zod'],
  policy: ['call.ts', 'errors.ts', 'settings', 'tools/tool.ts', 'node:crypto', 'node:path', 'node:util', 'zod'],
  approvals: [
    'call.ts',
    'errors.ts',
    'newId.ts',
    'settings',
    'node:crypto',
    'node:fs',
    'node:path',
    'node:util',
    'diff',
    'zod',
  ],
  masking: ['call.ts', 'errors.ts', 'placeholder.ts', 'tools/tool.ts'],
  audit: [
    ...['call.ts', 'errors.ts', 'newId.ts', 'settings'],
    ...['node:crypto', 'node:fs/promises', 'node:path', 'node:timers/promises', 'zod'],
  ],
  tools: [
    ...['call.ts', 'errors.ts', 'newId.ts', 'placeholder.ts', 'settings'],
    ...[
      'node:child_process',
      'node:fs',
      'node:crypto',
      'node:timers/promises',
      'node:fs/promises',
      'node:dns',
      'node:stream',
      'node:stream/promises',
      'node:zlib',
      'node:https',
      'node:module',
      'node:net',
      'node:path',
      'node:tls',
      'pg',
      'pg-protocol',
      'pq15',
      'pq16',
      'pq17',
      'pq18',
      'ssh2',
      'unbash',
      'undici',
      '@kubernetes/client-node',
      'diff',
      'ws',
      'yaml',
      'zod',
    ],
  ],
  /** Tools about the gate itself: list_connections, explain_call, await_approval, withdraw_approval. */
  gateTools: ['call.ts', 'errors.ts', 'tools/tool.ts', 'zod'],

  // What puts the stages together.
  'pipeline.ts': [...STAGES, 'pipeline'],
  pipeline: [...STAGES, 'node:crypto', 'zod'],
  config: [
    ...['call.ts', 'errors.ts', 'settings', 'approvals/settings.ts', 'audit/settings.ts', 'identity/settings.ts'],
    ...[
      'email/settings.ts',
      'identity/checkIdentitySettings.ts',
      'slack/settings.ts',
      'webhook/settings.ts',
      'policy',
      'tools/connection.ts',
      'tools/tool.ts',
    ],
    ...['node:fs', 'node:fs/promises', 'node:path', 'node:util', 'zod'],
  ],

  // The edges.
  mcp: [
    ...['call.ts', 'errors.ts', 'newId.ts'],
    ...[
      '@modelcontextprotocol/server',
      '@modelcontextprotocol/node',
      'node:http',
      'node:net',
      'node:stream',
      'node:zlib',
      'zod',
    ],
  ],
  adapters: [
    ...['call.ts', 'errors.ts', 'settings', 'approvals', 'audit'],
    ...['@photostructure/sqlite', 'node:crypto', 'node:fs', 'node:fs/promises', 'node:path', 'pino', 'zod'],
  ],
  /** Pages for reviewers. The gateway hands it everything that is not markup, a session or a login. */
  console: [
    ...['call.ts', 'errors.ts', 'approvals', 'audit', 'mcp/pageRoute.ts', 'openid-client', 'zod'],
    ...['node:crypto', 'node:fs', 'node:fs/promises', 'node:path'],
  ],
  /** A chat in which reviewers see requests and decide. The SDK is loaded by one file, when it is configured. */
  slack: ['call.ts', 'errors.ts', 'settings', 'approvals', '@slack/bolt', 'node:crypto', 'zod'],
  /** Programs that are told of approvals. */
  webhook: ['call.ts', 'errors.ts', 'settings', 'approvals', 'node:crypto', 'zod'],
  /** Mail about approvals. The library is loaded by one file, when it is configured. */
  email: ['call.ts', 'errors.ts', 'settings', 'approvals', 'nodemailer', 'node:fs/promises', 'zod'],
  demo: [
    ...['call.ts', 'errors.ts', 'newId.ts', 'settings', 'startGateway.ts', 'cli'],
    ...['approvals/review.ts', 'audit/signingKey.ts', 'audit/verify.ts'],
    ...['@modelcontextprotocol/client', 'jose', 'pg', 'node:child_process'],
    ...['node:crypto', 'node:events', 'node:fs', 'node:fs/promises', 'node:http', 'node:module', 'node:net', 'node:os'],
    ...['node:path', 'node:timers/promises', 'node:url', 'node:util'],
  ],
  cli: [
    ...['call.ts', 'errors.ts', 'newId.ts', 'settings', 'config', 'startGateway.ts', 'tools/tool.ts'],
    // `init` and `setup-sql` look at a database before there is a gateway.
    ...['drawSetupSql', 'proposeProtected', 'readSchema', 'targetUrl'].map((file) => `tools/run_sql/setup/${file}.ts`),
    ...['identity', 'policy', 'approvals', 'audit', '@modelcontextprotocol/client', 'openid-client', 'commander'],
    ...['node:child_process', 'node:os'],
    ...['node:crypto', 'node:fs', 'node:fs/promises', 'node:path', 'node:process', 'node:readline'],
    ...['node:readline/promises', 'node:timers/promises', 'node:tty', 'node:url', 'node:util', 'pino', 'zod'],
  ],
  'version.ts': [],

  // Composition: only here are adapters chosen.
  /** The parts of a running gateway, put together: what each needs is handed to it. */
  gateway: [
    ...['call.ts', 'errors.ts', 'newId.ts', 'settings', 'identity', 'policy', 'approvals', 'masking', 'audit'],
    ...[
      'tools/tool.ts',
      'gateTools',
      'pipeline.ts',
      'pipeline',
      'config',
      'mcp',
      'console',
      'slack',
      'webhook',
      'email',
    ],
    ...['version.ts', 'node:http', 'node:path', 'pino', 'prom-client', 'zod'],
  ],
  'startGateway.ts': [
    ...['masking', 'audit', 'tools', 'gateTools', 'pipeline', 'config', 'mcp', 'adapters', 'gateway', 'pino'],
  ],
  /** What commands need that run without a gateway. */
  'offline.ts': [
    ...['call.ts', 'errors.ts', 'newId.ts', 'settings', 'identity', 'policy', 'approvals', 'masking', 'audit'],
    ...['tools', 'gateTools', 'config', 'pipeline', 'adapters', 'cli', 'pino', 'node:fs/promises', 'node:path'],
  ],
  'main.ts': [...['version.ts', 'adapters', 'demo', 'cli', 'startGateway.ts', 'offline.ts']],
}

/** Who may make a piece of evidence. Everybody else gets it from there, so that no stage can be left out. */
const MAY_MAKE: readonly (readonly [evidence: string, makers: RegExp])[] = [
  ['MaskedText', /^masking\//],
  ['MaskedOutput', /^masking\//],
  ['ClearedCall', /^approvals\/clear\.ts$/],
  ['StartedCall', /^audit\/record\.ts$/],
  ['Caller', /^identity\//],
]

/** Reads what masking made earlier back from the trail and the store; named here so that no other place can. */
const READS_BACK: readonly string[] = ['audit/fields.ts MaskedText']

interface SourceFile {
  readonly path: string
  readonly code: string
  /** Paths inside src, or names of packages. */
  readonly imports: readonly string[]
}

const files: readonly SourceFile[] = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map(readSource)

function readSource(path: string): SourceFile {
  const code = withoutComments(readFileSync(`src/${path}`, 'utf8'))
  return { path, code, imports: importsOf(path, code) }
}

/** Enough for this code base: comments of whole lines, and those that follow code after two spaces or one. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

function importsOf(path: string, code: string): readonly string[] {
  const specifiers = [
    ...code.matchAll(/^\s*(?:import|export)\s[^'"`;]*?from\s+['"]([^'"]+)['"]/gm),
    ...code.matchAll(/^\s*import\s+['"]([^'"]+)['"]/gm),
    ...code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g),
    ...code.matchAll(/\brequire(?:\.resolve)?\(\s*['"]([^'"]+)['"]/g),
  ].map(([, specifier = '']) => specifier)
  return [...new Set(specifiers)].map((specifier) =>
    specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : packageOf(specifier),
  )
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function partOf(path: string): string {
  return path.split('/')[0] ?? path
}

function forbiddenImports({ path, imports }: SourceFile): readonly string[] {
  const allowed = MAY_IMPORT[partOf(path)] ?? []
  return imports.filter(
    (target) => partOf(target) !== partOf(path) && !allowed.includes(target) && !allowed.includes(partOf(target)),
  )
}

function madeEvidence({ path, code }: SourceFile): readonly string[] {
  return MAY_MAKE.filter(
    ([evidence, makers]) =>
      !makers.test(path) &&
      new RegExp(`(?:\\bas\\s+|ZodType<|\\bis\\s+)(?:readonly\\s+)?${evidence}\\b(?!\\[')`).test(code),
  )
    .map(([evidence]) => `${path} ${evidence}`)
    .filter((use) => !READS_BACK.includes(use))
}

test('every part of src is in the table, and the table names nothing else', () => {
  expect([...new Set(files.map(({ path }) => partOf(path)))].sort()).toEqual(Object.keys(MAY_IMPORT).sort())
})

test.each(files.map((file) => [file.path, file] as const))('src/%s imports only what its part may', (_, file) => {
  expect(forbiddenImports(file)).toEqual([])
})

test('every import leads to a file that is there', () => {
  const known = new Set(files.map(({ path }) => path))
  const lost = files.flatMap(({ path, imports }) =>
    imports.filter((target) => target.endsWith('.ts') && !known.has(target)).map((target) => `${path} -> ${target}`),
  )
  expect(lost).toEqual([])
})

test('no file imports itself, directly or around a corner', () => {
  const importsByPath = new Map(files.map(({ path, imports }) => [path, imports]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    if (done.has(path) || trail.includes(path)) return
    for (const target of importsByPath.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const { path } of files) visit(path, [])
  expect(cycles).toEqual([])
})

/** The files that put the program together. */
const COMPOSITION: readonly string[] = ['main.ts', 'startGateway.ts', 'offline.ts']

test('adapters are chosen in the files of composition alone', () => {
  const importers = files.filter(
    ({ path, imports }) => partOf(path) !== 'adapters' && imports.some((t) => partOf(t) === 'adapters'),
  )
  expect(importers.map(({ path }) => path).filter((path) => !COMPOSITION.includes(path))).toEqual([])
})

test('the MCP SDK is imported by the wire, and its client by the demo and the command line', () => {
  const importers = files.filter(({ imports }) => imports.some((target) => target.startsWith('@modelcontextprotocol/')))
  const odd = importers.filter(({ path, imports }) => {
    if (partOf(path) === 'mcp') return false
    const onlyClient = imports.every(
      (t) => !t.startsWith('@modelcontextprotocol/') || t === '@modelcontextprotocol/client',
    )
    return !(onlyClient && (partOf(path) === 'demo' || partOf(path) === 'cli'))
  })
  expect(odd.map(({ path }) => path)).toEqual([])
})

test('evidence is made in one place: nobody else casts to it', () => {
  expect(files.flatMap(madeEvidence)).toEqual([])
})

test('nothing is cast to never: that fits every type, evidence included', () => {
  expect(files.filter(({ code }) => /\bas\s+(?:unknown\s+as\s+)?never\b/.test(code)).map(({ path }) => path)).toEqual(
    [],
  )
})

test('the folders that the project promises by name are there', () => {
  const parts = new Set(files.map(({ path }) => partOf(path)))
  for (const part of ['tools', 'policy', 'approvals', 'audit']) expect(parts).toContain(part)
})

test('the guard sees a forbidden import, however it is written, and a cast in the wrong place', () => {
  const source = (path: string, code: string): SourceFile => ({ path, code, imports: importsOf(path, code) })
  const reach = (code: string) => forbiddenImports(source('tools/run_sql/x.ts', code))
  expect(reach("import { a } from '../../policy/decide.ts'")).toEqual(['policy/decide.ts'])
  expect(reach("import type {\n  A,\n  B,\n} from '../../audit/record.ts'")).toEqual(['audit/record.ts'])
  expect(reach("export * from '../../adapters/secrets.ts'")).toEqual(['adapters/secrets.ts'])
  expect(reach("const x = await import('commander')")).toEqual(['commander'])
  expect(reach("import 'left-pad/register'")).toEqual(['left-pad'])
  expect(reach("import { GateError } from '../../errors.ts'")).toEqual([])
  expect(madeEvidence(source('mcp/x.ts', 'return text as MaskedText'))).toEqual(['mcp/x.ts MaskedText'])
  expect(madeEvidence(source('mcp/x.ts', 'return x as unknown as StartedCall'))).toEqual(['mcp/x.ts StartedCall'])
  expect(madeEvidence(source('masking/x.ts', 'return text as MaskedText'))).toEqual([])
})
