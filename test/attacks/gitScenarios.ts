import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { GIT_ENV, PASSWORD } from '../tools/git_push/upstream.ts'

/** What becomes of a scenario: the words are explained at the top of git_push.hostile.yaml. */
export type Verdict = 'unreceived' | 'refused' | 'denied' | 'pending' | 'pushed'

export interface Scenario {
  /** Group and number, `secrets-7`. */
  readonly id: string
  readonly class: string
  readonly want: Verdict
  readonly code: string | undefined
  /** Operations that must be among those that were judged. */
  readonly operations: readonly string[]
  /** Arguments of git_push beside connection; `commit` is the scenario's own unless it says otherwise. */
  readonly args: Readonly<Record<string, unknown>>
  /** What is pushed to the gateway, `<scenario's commit>:` in front; undefined when nothing is. */
  readonly pushTo: string | undefined
  readonly commits: readonly WrittenCommit[]
  readonly start: string
}

type WrittenFile =
  | string
  | null
  | {
      readonly text?: string
      readonly mode?: string
      readonly base64?: string
      readonly utf16?: string
      readonly repeat?: readonly [string, number]
    }

interface WrittenCommit {
  readonly files?: Readonly<Record<string, WrittenFile>>
  readonly message?: string
  readonly author?: string
  /** A branch of the repository that is merged. */
  readonly merge?: string
  /** The whole tree, entry by entry, whatever git thinks of it. */
  readonly tree?: readonly {
    readonly mode: string
    readonly name: string
    readonly text?: string
    readonly oid?: string
  }[]
  /** The whole commit object; `{{tree}}` and `{{parent}}` stand for those of `start`. */
  readonly object?: string
  readonly count?: number
  readonly encoding?: string
}

interface WrittenScenario {
  readonly branch?: string
  readonly start?: string
  readonly files?: Readonly<Record<string, WrittenFile>>
  readonly commits?: readonly WrittenCommit[]
  readonly patch?: string
  readonly message?: string
  readonly base?: string
  readonly args?: Readonly<Record<string, unknown>>
  readonly pushTo?: string
  readonly want?: Verdict
  readonly code?: string
  readonly operations?: readonly string[]
}

interface WrittenGroup {
  readonly group: string
  readonly class: string
  readonly want: Verdict
  readonly code?: string
  readonly operations?: readonly string[]
  readonly inputs: readonly (string | WrittenScenario)[]
}

/** What payloads would leave behind. */
export const MARKER = join(tmpdir(), `countersign-git-corpus-${process.pid}`)

/** Made up, and in pieces, so that secret scanners let the corpus pass. */
const SECRETS: Readonly<Record<string, string>> = {
  aws: ['AKIA', 'QYLPMN5H', 'GHFPZAM2'].join(''),
  url: ['postgres://app:s3cr3t', '-Pw9x@db.internal/shop'].join(''),
  pem: [
    '-----BEGIN PR',
    'IVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPes/2RyP4pfrNV56bZrWWWy28xKchhg5mQXglhpK01v\n-----END PR',
    'IVATE KEY-----\n',
  ].join(''),
  upstream: PASSWORD,
  marker: MARKER,
}

const filled = (text: string, more: Readonly<Record<string, string>> = {}): string =>
  text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => SECRETS[name] ?? more[name] ?? whole)

export function readScenarios(name: 'hostile' | 'ordinary'): readonly Scenario[] {
  const text = readFileSync(new URL(`./git_push.${name}.yaml`, import.meta.url), 'utf8')
  const groups = parse(text) as readonly WrittenGroup[]
  return groups.flatMap((group) =>
    group.inputs.map((written, index): Scenario => {
      // A text alone is the name of a branch.
      const input: WrittenScenario = typeof written === 'string' ? { branch: written } : written
      const id = `${group.group}-${index + 1}`
      const isOwn = input.patch === undefined && input.args?.delete === undefined && input.args?.commit === undefined
      const files = input.files ?? { [`src/${id}.ts`]: `export const id = '${id}'\n` }
      return {
        id,
        class: group.class,
        want: input.want ?? group.want,
        code: input.code ?? (input.want === undefined ? group.code : undefined),
        operations: input.operations ?? (input.want === undefined ? group.operations : undefined) ?? [],
        args: {
          branch: filled(input.branch ?? `feature/${id}`),
          ...(input.patch !== undefined && { patch: filled(input.patch), message: filled(input.message ?? 'Patch') }),
          ...(input.base !== undefined && { base: input.base }),
          ...input.args,
        },
        pushTo: isOwn || input.pushTo !== undefined ? (input.pushTo ?? `refs/heads/agent/${id}`) : undefined,
        commits: isOwn || input.pushTo !== undefined ? (input.commits ?? [{ files }]) : [],
        start: input.start ?? 'main',
      }
    }),
  )
}

/** Makes the commits of all scenarios in a clone; answers the last one of each by the scenario's id. */
export function buildCommits(clone: string, scenarios: readonly Scenario[]): ReadonlyMap<string, string> {
  const git = (args: readonly string[], input?: string | Buffer) =>
    execFileSync('git', ['-C', clone, ...args], { env: GIT_ENV, ...(input !== undefined && { input }) })
      .toString()
      .trim()
  const ordinary = scenarios.filter(({ commits }) => commits.length > 0 && commits.every(isOrdinary))
  git(['fast-import', '--quiet', '--force'], Buffer.concat(ordinary.flatMap(streamOf)))
  const built = new Map<string, string>()
  const refs = git(['for-each-ref', '--format=%(refname) %(objectname)', 'refs/scenarios/'])
  for (const line of refs === '' ? [] : refs.split('\n')) {
    const [ref = '', oid = ''] = line.split(' ')
    built.set(ref.slice('refs/scenarios/'.length), oid)
  }
  for (const scenario of scenarios) {
    if (scenario.commits.length > 0 && !scenario.commits.every(isOrdinary))
      built.set(scenario.id, buildLiterally(scenario, git))
  }
  return built
}

const isOrdinary = ({ tree, object }: WrittenCommit): boolean => tree === undefined && object === undefined

type RunGit = (args: readonly string[], input?: string | Buffer) => string

function buildLiterally({ commits, start }: Scenario, git: RunGit): string {
  let parent = git(['rev-parse', `origin/${start}`])
  for (const { tree = [], object, message = 'Literally' } of commits) {
    let treeId = git(['rev-parse', `${parent}^{tree}`])
    if (object === undefined) {
      const entries = tree.map(({ mode, name, text = 'x\n', oid }) => {
        const id = oid ?? git(['hash-object', '-w', '--stdin'], filled(text))
        return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])
      })
      treeId = git(['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], Buffer.concat(entries))
    }
    const who = 'Ada <ada@example.test> 1700001000 +0000'
    const text = object ?? `tree {{tree}}\nparent {{parent}}\nauthor ${who}\ncommitter ${who}\n\n${message}\n`
    const filledIn = filled(text, { tree: treeId, parent })
    parent = git(['hash-object', '-w', '-t', 'commit', '--literally', '--stdin'], filledIn)
  }
  return parent
}

function streamOf({ id, commits, start }: Scenario): Buffer[] {
  const out: Buffer[] = []
  const say = (text: string) => out.push(Buffer.from(text))
  const ref = `refs/scenarios/${id}`
  commits
    .flatMap((commit) => Array.from({ length: commit.count ?? 1 }, (_, number) => ({ commit, number })))
    .forEach(({ commit, number }, index) => {
      const { files = {}, message = `Change ${id}`, author = 'Ada <ada@example.test>', merge, encoding } = commit
      const at = `${1_700_001_000 + index} +0000`
      const words = Buffer.from(filled(message))
      say(`commit ${ref}\nauthor ${filled(author)} ${at}\ncommitter Ada <ada@example.test> ${at}\n`)
      if (encoding !== undefined) say(`encoding ${encoding}\n`)
      say(`data ${words.length}\n`)
      out.push(words)
      say('\n')
      if (index === 0 && start !== 'nothing') say(`from refs/remotes/origin/${start}^0\n`)
      if (merge !== undefined) say(`merge refs/remotes/origin/${merge}^0\n`)
      for (const [path, file] of Object.entries(files)) {
        const name = quoted(filled(path.replaceAll('{{number}}', String(number))))
        if (file === null) {
          say(`D ${name}\n`)
          continue
        }
        const mode = typeof file === 'string' ? '100644' : (file.mode ?? '100644')
        if (mode === '160000') {
          say(`M 160000 ${bytesOf(file).toString()} ${name}\n`)
          continue
        }
        const bytes = bytesOf(file)
        say(`M ${mode} inline ${name}\ndata ${bytes.length}\n`)
        out.push(bytes)
        say('\n')
      }
      say('\n')
    })
  return out
}

function bytesOf(file: Exclude<WrittenFile, null>): Buffer {
  if (typeof file === 'string') return Buffer.from(filled(file))
  if (file.base64 !== undefined) return Buffer.from(file.base64, 'base64')
  if (file.utf16 !== undefined) return Buffer.from(filled(file.utf16), 'utf16le')
  if (file.repeat !== undefined) return Buffer.from(file.repeat[0].repeat(file.repeat[1]))
  return Buffer.from(filled(file.text ?? ''))
}

const quoted = (path: string): string =>
  `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`
