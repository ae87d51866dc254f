import type { AccountLink, AccountLinkStore, ChatAccount, LinkOffer } from '../approvals/linkPorts.ts'
import type { SqliteDatabase, SqlValue } from './sqliteDatabase.ts'

/** Links of chat accounts to people, and those that somebody began. */
export function accountLinks(database: SqliteDatabase): AccountLinkStore {
  const offer = (key: string) => one<LinkOffer>(database.rows('SELECT record FROM link_offers WHERE key = ?', key))
  const link = ({ realm, user }: Pick<ChatAccount, 'realm' | 'user'>) =>
    one<AccountLink>(database.rows('SELECT record FROM links WHERE realm = ? AND account = ?', realm, user))
  const forgetOffer = ({ realm, user }: Pick<ChatAccount, 'realm' | 'user'>) =>
    database.run('DELETE FROM link_offers WHERE realm = ? AND account = ?', realm, user)
  const writeOffer = (saved: LinkOffer) => {
    const { account, key } = saved
    const sql = 'INSERT OR REPLACE INTO link_offers (realm, account, key, record) VALUES (?, ?, ?, ?)'
    database.run(sql, account.realm, account.user, key, JSON.stringify(saved))
  }
  return {
    async saveOffer(saved) {
      await database.atomically(() => writeOffer(saved))
    },

    async findOffer(key) {
      return offer(key)
    },

    async offerOf({ realm, user }) {
      return one<LinkOffer>(
        database.rows('SELECT record FROM link_offers WHERE realm = ? AND account = ?', realm, user),
      )
    },

    async changeOffer(key, change) {
      return database.atomically(() => {
        const found = offer(key)
        const changed = found && change(found)
        if (changed !== undefined) writeOffer(changed)
        return changed
      })
    },

    async saveLink(saved, offerKey) {
      const { account, person } = saved
      return database.atomically(() => {
        if (database.run('DELETE FROM link_offers WHERE key = ?', offerKey) !== 1) return false
        const sql = 'INSERT OR REPLACE INTO links (realm, account, person, record) VALUES (?, ?, ?, ?)'
        database.run(sql, account.realm, account.user, person.person, JSON.stringify(saved))
        return true
      })
    },

    async findLink(account) {
      return link(account)
    },

    async linksOf(person) {
      const rows = database.rows('SELECT record FROM links WHERE person = ? ORDER BY realm, account', person)
      return rows.map((row) => parse<AccountLink>(row))
    },

    async removeLink(account, of) {
      return database.atomically(() => {
        const found = link(account)
        if (of !== undefined && found?.person.person !== of) return undefined
        forgetOffer(account)
        database.run('DELETE FROM links WHERE realm = ? AND account = ?', account.realm, account.user)
        return found
      })
    },
  }
}

function one<T>(rows: readonly Record<string, SqlValue>[]): T | undefined {
  return rows[0] && parse<T>(rows[0])
}

function parse<T>(row: Record<string, SqlValue>): T {
  return JSON.parse(String(row.record)) as T
}
