// The real SQLite, with fault points around the commits that change an approval or an idempotent write: named by the
// state they lead to.
import { DatabaseSync as RealDatabase } from '@photostructure/sqlite'
import { reach } from './faultPoint.mjs'

const STATE = /^(?:pending|approved|denied|executing|executed|failed|unknown)$/
const own = (object, name, value) => Object.defineProperty(object, name, { value })

export class DatabaseSync extends RealDatabase {
  constructor(...options) {
    super(...options)
    let changed = []
    own(this, 'prepare', (sql) => {
      const statement = super.prepare(sql)
      const table = /^(?:INSERT INTO|UPDATE) approvals/.test(sql) ? 'approval' : /INTO writes/.test(sql) ? 'write' : ''
      if (table === '') return statement
      const run = statement.run.bind(statement)
      own(statement, 'run', (...values) => {
        changed.push(`${table}:${values.find((value) => STATE.test(value))}`)
        return run(...values)
      })
      return statement
    })
    own(this, 'exec', (sql) => {
      if (sql === 'BEGIN IMMEDIATE') changed = []
      if (sql !== 'COMMIT') return super.exec(sql)
      for (const name of changed) reach(`store:${name}:before`)
      super.exec(sql)
      for (const name of changed.splice(0)) reach(`store:${name}:after`)
    })
  }
}
