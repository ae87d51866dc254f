import type { Json, Operation } from '../../../call.ts'
import type { Judgement } from '../judgeStatement.ts'
import type { ScriptPart } from './splitScript.ts'

/** A statement of a script, judged before any of it has run. */
export interface JudgedPart extends ScriptPart {
  /** The first statement before it that it depends on: its own meaning is known only when that one has run. */
  readonly dependsOn: number | undefined
  /** What the server says it means now. Missing when it depends on another. */
  readonly judgement: Judgement | undefined
  /** What reviewers see, and what it is held to. */
  readonly operations: readonly Operation[]
  readonly judged: Json
}
