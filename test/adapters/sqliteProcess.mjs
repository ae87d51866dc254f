// A second process on the store. Prints one JSON line for everything that it was told is durable.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const [sources, path, task, arg, template] = process.argv.slice(2)
const load = (name) => import(pathToFileURL(join(sources, name)).href)
const { openSqliteStore } = await load('adapters/sqliteStore.js')
const { take } = await load('approvals/transitions.js')
const { modify } = await load('approvals/modify.js')
const { vote } = await load('approvals/vote.js')

const print = (line) => writeSync(1, `${JSON.stringify(line)}\n`)
const { approval, ballot } = JSON.parse(template)
const now = approval.createdAt
const terms = { needs: approval.needs, ttlMs: approval.ttlMs, previewRequired: false, reasonRequired: false }
const store = openSqliteStore(path)

const approve = (id) => store.change(id, (one) => vote(one, { ...ballot, digest: one.digest }, now))

const takeOne = async (id) => {
  const lease = { replica: arg, epoch: 1 }
  const result = await store.change(id, (one) =>
    take(one, { callerKey: one.caller.key, digest: one.digest, lease, callId: arg, revokedPeople: [] }, now),
  )
  if (result.ok) print({ did: 'take', id })
}

switch (task) {
  case 'lease':
    print(await store.acquireLease(arg, 60_000, now))
    break
  case 'approve':
    await approve(arg)
    break
  case 'revoke':
    await store.revoke({ kind: 'caller', id: arg }, 'ops', undefined, now)
    break
  case 'charge': {
    const rule = { policy: 'p', rule: 'r', limit: 100, windowMs: 3_600_000 }
    // Nobody begins before all three are there.
    await store.acquireLease(arg, 60_000, now)
    for (const replica of ['1', '2', '3']) while (!(await store.isLeaseLive({ replica, epoch: 1 }, now)));
    for (let call = 0; call < 100; call++) {
      if ((await store.chargeUses('ann', [[rule]], now)).ok) print({ did: 'charge' })
      // Who wrote last finds the file free at once; the others try again a little later.
      await setTimeout(2)
    }
    break
  }
  case 'takeAll':
    for (const { id } of await store.list(['approved'], 1000)) await takeOne(id)
    break
  case 'modify':
    // Each time the last request is replaced by another one, for as long as the process lives.
    for (let round = 0, parent = undefined; ; round += 1) {
      const id = `apr_${arg}-${round}`
      const digest = `hmac-sha256:${String(round).padStart(64, '0')}`
      const author = { person: `entra/t1/author-${arg}-${round}`, subject: `author-${round}`, name: undefined }
      const caller = { ...approval.caller, key: arg, roles: [] }
      const modification = { parent, author, via: 'api', note: undefined, before: [], asked: [], authors: [author] }
      const candidate = { ...approval, id, digest, caller, ...(parent !== undefined && { modification }) }
      if (parent === undefined) await store.openOrJoin(candidate, terms, { maxPendingPerCaller: 5 }, now)
      else {
        const admission = { person: author.person, subject: author.subject, memberOf: ['dba'], owners: [] }
        const result = await store.modify(
          parent,
          candidate,
          (current, precedents) =>
            modify(current, { child: candidate, admission, digest: current.digest }, precedents, now),
          now,
        )
        if (!result.ok) throw new Error(result.code)
      }
      print({ did: 'modify', id })
      parent = id
    }
  case 'churn':
    for (let round = 0; ; round += 1) {
      const name = `${arg}-${round}`
      const candidate = { ...approval, id: `apr_${name}`, caller: { ...approval.caller, key: name } }
      await store.openOrJoin(candidate, terms, { maxPendingPerCaller: 5 }, now)
      print({ did: 'open', id: candidate.id })
      await approve(candidate.id)
      print({ did: 'approve', id: candidate.id })
      await takeOne(candidate.id)
    }
}
await store.close()
