import type { Json, Operation } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { type Judgement, judgeStatement, protectedTables } from '../judgeStatement.ts'
import type { Session } from '../session/openSession.ts'
import type { PostgresConnection } from '../settings.ts'
import { copiedByScript } from './copiedByScript.ts'
import { bareName, namesIn, redefinedBy } from './dependence.ts'
import type { JudgedPart } from './judgedPart.ts'
import { laterOperations } from './laterOperations.ts'
import type { ScriptPart } from './splitScript.ts'

/** Judges every statement in order, inside the session's open transaction. None of them runs. */
export async function judgeScript(
  session: Session,
  parts: readonly ScriptPart[],
  settings: PostgresConnection,
): Promise<readonly JudgedPart[]> {
  const judged: JudgedPart[] = []
  const copied = copiedByScript()
  for (const part of parts) {
    const found = await judgePart(session, part, settings, judged)
    judged.push({ ...found, operations: [...found.operations, ...copied.touchedBy(found)] })
  }
  return judged
}

async function judgePart(
  session: Session,
  part: ScriptPart,
  settings: PostgresConnection,
  before: readonly JudgedPart[],
): Promise<JudgedPart> {
  const { statement, text } = part
  const byName = findDependence(before, namesOf(part))
  if (byName !== undefined) return judgeLater(session, part, byName, settings)
  const definition = before.find((other) => isDefinition(other))
  if (definition !== undefined) session.precede('SAVEPOINT countersign_part')
  let judgement: Judgement
  try {
    judgement = await judgeStatement(session, text, statement, 0, settings)
  } catch (error) {
    if (definition === undefined || !session.isOpen() || !isUnresolved(error)) throw error
    await session.query('ROLLBACK TO SAVEPOINT countersign_part')
    return judgeLater(session, part, definition.number, settings)
  }
  if (definition !== undefined) session.precede('RELEASE SAVEPOINT countersign_part')
  // The server may have found more tables in it than it names: views, keys, heirs.
  const reached = [
    ...(judgement.analysis?.relations.map(({ name }) => name) ?? []),
    ...judgement.operations.flatMap(({ facts }) => (Array.isArray(facts.tables) ? facts.tables : [])),
  ]
  const byMeaning = findDependence(before, new Set(reached.map(bareName)))
  if (byMeaning !== undefined) return judgeLater(session, part, byMeaning, settings)
  return {
    ...part,
    dependsOn: undefined,
    judgement,
    operations: judgement.operations,
    judged: { kind: statement.kind, meaning: judgement.judged },
  }
}

async function judgeLater(
  session: Session,
  part: ScriptPart,
  dependsOn: number,
  settings: PostgresConnection,
): Promise<JudgedPart> {
  const { statement } = part
  const operations = await laterOperations(session, statement, protectedTables(settings.protect))
  const later: Operation = {
    operation: 'script:later',
    otherwise: 'require-approval',
    floor: 'require-approval',
    because: `the meaning of statement ${part.number} depends on statement ${dependsOn}`,
    facts: {},
  }
  return {
    ...part,
    dependsOn,
    judgement: undefined,
    operations: [...operations, later],
    judged: { kind: statement.kind, dependsOn, meaning: operations.map(asJson) },
  }
}

const asJson = ({ operation, facts }: Operation): Json => [operation, facts]

function namesOf({ statement }: ScriptPart): ReadonlySet<string> {
  return new Set([
    ...namesIn(statement.root),
    ...statement.operations.flatMap(({ targets }) => targets.map(({ name }) => name)),
  ])
}

function findDependence(before: readonly JudgedPart[], names: ReadonlySet<string>): number | undefined {
  return before.find(({ statement }) => {
    const redefined = redefinedBy(statement)
    return redefined === 'anything' || [...redefined].some((name) => names.has(name))
  })?.number
}

function isDefinition({ statement }: JudgedPart): boolean {
  const redefined = redefinedBy(statement)
  return redefined === 'anything' || redefined.size > 0
}

/** The server does not know a name, a type or a value of a type: it may, when what stands before has run. */
function isUnresolved(error: unknown): boolean {
  if (error instanceof GateError) return false
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(?:42|22|3F)/.test(code)
}
