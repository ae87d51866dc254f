import * as z from 'zod'
import type { Action, Fact } from '../../src/call.ts'
import type { JudgedTool } from '../../src/policy/settings.ts'
import { MATCH_KEYS as HTTP_MATCH_KEYS } from '../../src/tools/http_request/matchKeys.ts'
import { METHODS } from '../../src/tools/http_request/settings.ts'
import { MATCH_KEYS as SSH_MATCH_KEYS } from '../../src/tools/ssh_exec/matchKeys.ts'

const listOf = (fact: Fact | undefined): readonly string[] => (Array.isArray(fact) ? fact : [])

/** Opening rules must list all of it, deny rules any of it. */
const listKey = (describe: string) => ({
  schema: z.array(z.string().min(1)).min(1),
  describe,
  matches: (wanted: unknown, fact: Fact | undefined, action: Action) => {
    const names = new Set(wanted as readonly string[])
    const used = listOf(fact)
    return action === 'deny' ? used.some((item) => names.has(item)) : used.every((item) => names.has(item))
  },
})

/** A small SQL-like tool: enough of a vocabulary and of match keys to hold policies against. */
export const sqlTool: JudgedTool = {
  name: 'run_sql',
  connectionType: 'postgres',
  operations: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'DROP', 'TRUNCATE', 'GRANT', 'function:*', 'cascade:*'],
  match: {
    tables: listKey('a list of schema-qualified tables'),
    schemas: listKey('a list of schemas'),
    where: {
      schema: z.literal('required'),
      describe: '`required`',
      matches: (_, fact) => fact === 'present',
    },
  },
}

/** The same, with what examples/policies/migrations.yaml names. */
export const exampleSqlTool: JudgedTool = {
  ...sqlTool,
  operations: [
    ...sqlTool.operations,
    ...['CREATE', 'ALTER', 'COMMENT', 'ANALYZE', 'code:*', 'script:*', 'protected:*', 'copy:*'],
  ],
}

/** A second tool with other words, for policies that are about connections of several types. */
export const shellTool: JudgedTool = {
  name: 'ssh_exec',
  connectionType: 'ssh',
  operations: ['command'],
  match: { command: listKey('an argv pattern') },
}

/** What policy knows of ssh_exec. */
export const sshTool: JudgedTool = {
  name: 'ssh_exec',
  connectionType: 'ssh',
  operations: ['run', 'complex', 'wrapper:*'],
  match: SSH_MATCH_KEYS,
}

/** What policy knows of http_request. */
export const httpTool: JudgedTool = {
  name: 'http_request',
  connectionType: 'http',
  operations: METHODS,
  match: HTTP_MATCH_KEYS,
}
