import type * as z from 'zod'
import type { Action, Fact, Json, MaskNote, Operation, StartedCall } from '../call.ts'
import type { ReadSecret } from '../settings/secretReference.ts'

/**
 * The contract of a gated tool. Every tool is a folder of the same shape: tool.ts (this definition), understand.ts,
 * execute.ts, preview.ts. A tool knows neither who calls it nor how the call was decided.
 */
export interface Tool {
  /** `run_sql`. Stable: agents and policies name it. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly annotations: ToolAnnotations
  /** Validates the arguments of the caller. `connection` is one of them. */
  readonly input: z.ZodType<ToolArguments>
  /** The connection `type` this tool works on. */
  readonly connectionType: string
  /**
   * Every operation this tool can report. An entry that ends in `:*` is a family with a name after the colon
   * (`function:*`, `cascade:*`); a rule may name one member, a glob over the names, or the whole family. A policy that
   * names anything else does not load, so an operation that is missing here can only be denied.
   */
  readonly operations: readonly string[]
  /** What a rule's `match` may name beside `operation`. */
  readonly match: Readonly<Record<string, MatchKey>>
  /**
   * Turns arguments into judged facts. May open a transaction at the target, which `release` ends; changes nothing.
   * Throws a GateError for what cannot be understood: that is a refusal, never a guess.
   *
   * @param onLikely learns, where the tool can tell, what will most likely be understood, while the target is still being
   *   asked. It is for preparing what takes time: nothing may be answered, recorded or run because of it. When it holds,
   *   the understanding has the very same parts. Never throws.
   * @param ownSpace a name that no other caller has, in lower-case hex: for tools that keep something for each. It says
   *   nothing about who it is. Undefined where nobody calls.
   */
  understand(
    args: ToolArguments,
    connectionName: string,
    signal: AbortSignal,
    ownSpace?: string,
    onLikely?: (likely: Understood) => void,
  ): Promise<Understanding>
}

export interface ToolArguments {
  readonly connection: string
  /** The agent's own words, shown to reviewers as unverified. Not part of the digest. */
  readonly reason?: string | undefined
  readonly idempotency_key?: string | undefined
  readonly [name: string]: unknown
}

/** MCP tool annotations; all four are always set because the protocol's defaults are pessimistic. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean
  readonly destructiveHint: boolean
  readonly idempotentHint: boolean
  readonly openWorldHint: boolean
}

/** How one key of `match` is written in YAML, and when it matches an operation's fact of the same name. */
export interface MatchKey {
  readonly schema: z.ZodType
  /** For docs and error messages: `a list of schema-qualified tables`. */
  readonly describe: string
  /**
   * `allow` and `require-approval` rules must cover everything the operation does (all tables listed); a `deny` rule
   * matches when it touches any of it. Policy asks a `require-approval` rule both ways: `require-approval` for whether
   * it opens the operation, `deny` for whether it holds back what another rule allows.
   */
  matches(wanted: unknown, fact: Fact | undefined, action: Action): boolean
}

/** What a call was understood to be: what is decided about, approved and shown. */
export interface Understood {
  readonly effect: 'read' | 'write'
  readonly operations: readonly Operation[]
  /**
   * Everything that was judged and must be the same when the call runs: canonical argument bytes, object ids, function
   * versions. Goes into the digest, with `target`.
   */
  readonly judged: Json
  /** Connection, host, database, role, protected columns: what the approval is bound to. Never a secret. */
  readonly target: Json
  /** The request as people will see it, with what must be hidden in it marked. */
  readonly request: readonly RequestField[]
}

/** A call, understood. Holds a target resource until `release`, which is always called, and may be called twice. */
export interface Understanding extends Understood {
  /** What would happen, for reviewers. Executes nothing that writes. Undefined when there is nothing to show. */
  preview(signal: AbortSignal): Promise<Preview | undefined>
  /**
   * Runs exactly what was understood, held to the constraints. `beforeCommit` is awaited with the identifier by which
   * the outcome can be looked up later (a transaction id); it must be durable before the change becomes permanent.
   * `report` tells a waiting agent how far a long call has come, in the tool's own words: counts, never content, because
   * a piece of an output cannot be masked before the rest of it is there. Absent when nobody listens.
   *
   * @throws GateError ERR_OUTCOME_UNKNOWN when the change was asked for and its outcome cannot be told.
   */
  execute(
    call: StartedCall,
    beforeCommit: (outcomeRef: Json) => Promise<void>,
    signal: AbortSignal,
    report?: Report,
  ): Promise<ToolOutput>
  release(): Promise<void>
}

export type Report = (progress: string) => void

/** How a text is coloured for people. Display only: nothing is judged by it. */
export type Language = 'sql' | 'shell' | 'yaml' | 'json' | 'diff' | 'text'

/** One argument as text, with the parts to hide. Offsets are UTF-16 code units. */
export interface RequestField {
  readonly name: string
  readonly text: string
  /** `text` when absent. */
  readonly language?: Language
  /** Spans that hold protected values, by lineage: `email = 'a@b'` has one. */
  readonly hidden: readonly { readonly start: number; readonly end: number; readonly why: string }[]
  /**
   * Whole literals of the language: detectors look at these, and nowhere else, so that code cannot hide as a secret.
   * `name` is what a literal is called, when that may say that it is one: `password`.
   */
  readonly literals: readonly { readonly start: number; readonly end: number; readonly name?: string }[]
}

/** What would happen, in the form people read. Unmasked until masking has seen it. */
export interface Preview {
  /** Rows that would change, when that can be counted. */
  readonly rows: number | undefined
  /** One line each: `about 1,204 rows of public.jobs`, `cascades to public.job_logs (3,311 rows)`. */
  readonly lines: readonly string[]
  readonly sample: ToolTable | undefined
  /** Longer texts, whole: a diff, a manifest, a list of commits. Masked as prose is. */
  readonly texts?: readonly PreviewText[]
  /** Why something could not be shown. */
  readonly missing: readonly string[]
}

export interface PreviewText {
  /** The tool's own words: `Changes to deployment/api`. */
  readonly title: string
  readonly text: string
  readonly language: Language
}

export interface ToolTable {
  readonly columns: readonly ToolColumn[]
  readonly rows: readonly (readonly unknown[])[]
}

export interface ToolColumn {
  readonly name: string
  /** Target's type name, for the agent. */
  readonly type: string
  /** Protected columns that flow into it (`users.email`); anything here hides the whole column, nulls included. */
  readonly protectedBy: readonly string[]
}

/** A text of the target: a stream, a log, a body. Detectors look at all of it before it is cut. */
export interface ToolText {
  /** Its name in the result: `stdout`. */
  readonly name: string
  readonly text: string
}

/** A structured answer of the target. */
export interface ToolDocument {
  /** Its name in the result: `body`. */
  readonly name: string
  readonly value: Json
  /** What is hidden whole, nulls included, whatever stands there. JSON pointers (RFC 6901) to members that exist. */
  readonly hidden: readonly { readonly pointer: string; readonly why: string }[]
  /** How the masked value is written, when the agent asked for another form than JSON: its text takes the value's place. */
  readonly render?: (masked: Json) => string
}

/** A result before masking. Never leaves the server in this form. */
export interface ToolOutput {
  readonly table: ToolTable | undefined
  readonly texts?: readonly ToolText[]
  readonly document?: ToolDocument
  /** Small facts about the outcome: `exit_code`, `status`, `commit`, `url`. Their names must not be those of others. */
  readonly facts?: Readonly<Record<string, Json>>
  /** Command summary: `DELETE`, rows changed. */
  readonly command: string
  readonly rowsChanged: number | undefined
  /** The target had more rows than the cap that was asked for. */
  readonly truncated: boolean
  /** Output caps of the connection, applied after masking. */
  readonly caps: { readonly maxRows: number; readonly maxBytes: number }
  /** Things the tool itself hid, for the envelope. */
  readonly masked: readonly MaskNote[]
}

/** Looks up, after a crash, what became of a started call. */
export type LookUpOutcome = (
  connectionName: string,
  outcomeRef: Json,
) => Promise<'committed' | 'aborted' | 'in-progress' | 'unknown'>

/** Something that `countersign check` found out about a connection. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  /** `connections.prod.read` */
  readonly about: string
  readonly message: string
}

/** A tool at work, and what else the gateway needs of it. It may hold sessions until `close`. */
export interface OpenTool {
  readonly tool: Tool
  readonly lookUpOutcome: LookUpOutcome
  /** Looks at a connection's target and at what its account may do there, for `countersign check`. Changes nothing. */
  selfTest(connectionName: string): Promise<readonly Finding[]>
  /** Uses new sessions from now on, so that a rotated secret is in use at once. Calls that run are not disturbed. */
  reconnect(): void
  /**
   * Teaches the masker what is secret inside of the credentials in force: requests that hold it are shown to people before
   * a call has needed it. Contacts no target. A credential that cannot be read is no error here.
   */
  learnCredentials?(): Promise<void>
  close(): Promise<void>
}

/** What a tool is opened with. */
export interface ToolParts<Settings> {
  readonly readSecret: ReadSecret
  /** Teaches the masker a credential that is only a part of what was read: a token inside a kubeconfig. */
  readonly alsoSecret: (value: string) => void
  /** The connections of this tool's type, in force at this moment; a reload may change them. */
  readonly connections: () => Readonly<Record<string, Settings>>
}
