// The real gateway in a process that kills itself (SIGKILL) at a named point. The points are laid around the runtime's
// own parts from outside: file handles, SQLite, the PostgreSQL connection and HTTP responses. Nothing in the gateway
// knows about them.
import fs from 'node:fs'
import { open } from 'node:fs/promises'
import { ServerResponse } from 'node:http'
import { createRequire, register, syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { arm, die, isHere, reach } from './faultPoint.mjs'

const [sources, configPath, point = ''] = process.argv.slice(2)
arm(point)
const load = (path) => import(pathToFileURL(join(sources, path)).href)

// The trail: lines on their way to the disk.
const handle = await open(configPath)
const files = Object.getPrototypeOf(handle)
await handle.close()
const { datasync } = files
const { write } = fs
const unsynced = new Map()
fs.write = (fd, bytes, ...rest) => {
  const done = rest.pop()
  const text = Buffer.isBuffer(bytes) ? bytes.toString('latin1') : ''
  const events = [...text.matchAll(/"event":"([a-z.]+)"/g)].map(([, event]) => event)
  for (const event of events) {
    reach(`trail:${event}:before`)
    if (isHere(`trail:${event}:torn`)) {
      fs.writeSync(fd, bytes.subarray(0, bytes.length - 20))
      die()
    }
  }
  write(fd, bytes, ...rest, (error, ...result) => {
    if (events.length > 0 && !error) {
      unsynced.set(fd, [...(unsynced.get(fd) ?? []), ...events])
      for (const event of events) reach(`trail:${event}:written`)
      if (isSyncedWrite(fd)) reachSynced(fd)
    }
    done(error, ...result)
  })
}
syncBuiltinESMExports()
files.datasync = async function () {
  await datasync.call(this)
  reachSynced(this.fd)
}
function reachSynced(fd) {
  const events = unsynced.get(fd) ?? []
  unsynced.delete(fd)
  for (const event of events) reach(`trail:${event}:synced`)
}
/** Where the file system allows it, the trail is open with O_DSYNC: what is written is synced. */
function isSyncedWrite(fd) {
  if (process.platform !== 'linux') return false
  const flags = /^flags:\s*([0-7]+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
  return (Number.parseInt(flags, 8) & fs.constants.O_DSYNC) !== 0
}

// The store: its library's classes cannot be changed, so the gateway is given another module in its place.
const faulty = new URL('faultySqlite.mjs', import.meta.url).href
register(
  `data:text/javascript,${encodeURIComponent(`export const resolve = (name, context, next) =>
    name === '@photostructure/sqlite' && context.parentURL !== '${faulty}'
      ? { url: '${faulty}', shortCircuit: true }
      : next(name, context)`)}`,
)

// The target: statements of the agent on their way, and their answers.
const { Connection } = createRequire(join(sources, 'startGateway.js'))('pg')
const { connect, emit } = Connection.prototype
const kindOf = (text) => /^(UPDATE|INSERT|COMMIT)\b/.exec(text)?.[1]
const running = new WeakMap()
Connection.prototype.connect = function (...given) {
  // First: a socket that connects takes its own `write` back.
  connect.apply(this, given)
  const { stream } = this
  const { write } = stream
  const prepared = new Map()
  const kinds = new Set()
  running.set(this, kinds)
  stream.write = function (bytes, ...rest) {
    for (const [type, ...texts] of messagesIn(bytes)) {
      // Parse: name, text. Bind: portal, name. What is only prepared does not run.
      if (type === 'P') prepared.set(texts[0], kindOf(texts[1]))
      const kind = type === 'B' ? prepared.get(texts[1]) : type === 'Q' ? kindOf(texts[0]) : undefined
      if (kind === undefined) continue
      reach(`target:${kind}:before`)
      kinds.add(kind)
    }
    // A corked socket sends the bytes when its owner uncorks it, which is before the next turn.
    for (const kind of kinds) process.nextTick(() => reach(`target:${kind}:sent`))
    return write.call(this, bytes, ...rest)
  }
}
/** Messages of the protocol: a letter, a length that counts itself, and for ours texts that end in NUL. */
function* messagesIn(bytes) {
  if (!Buffer.isBuffer(bytes)) return
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    const body = bytes.subarray(at + 5, at + 1 + bytes.readUInt32BE(at + 1))
    yield [String.fromCharCode(bytes[at]), ...body.toString('latin1').split('\0', 2)]
  }
}
Connection.prototype.emit = function (event, message, ...rest) {
  const kind = event === 'commandComplete' ? kindOf(message.text) : undefined
  if (kind !== undefined && running.get(this)?.delete(kind)) reach(`target:${kind}:after`)
  return emit.call(this, event, message, ...rest)
}

// The wire: answers to the agent.
const { writeHead } = ServerResponse.prototype
ServerResponse.prototype.writeHead = function (status, ...rest) {
  if (this.req.url === '/mcp' && status === 200) reach('answer:before')
  return writeHead.call(this, status, ...rest)
}

const { openLog } = await load('adapters/log.js')
const { startGateway } = await load('startGateway.js')
const gateway = await startGateway({ configPath, log: openLog(process.stderr, 'error') })
process.on('message', ({ point }) => {
  if (point === undefined) return gateway.stop('request').then(() => process.exit(0))
  arm(point)
  process.send('armed')
})
process.on('disconnect', () => process.exit(1))
process.send({ url: gateway.url, recovered: gateway.recovered })
