/**
 * The program that stands between this process and the database server, run with `node -e`. It starts the server and
 * waits for its standard input to close, which the operating system does when this process ends in whatever way. Then:
 * fast shutdown; after 10 s an immediate one; after 5 s more SIGKILL; and the scratch folder is removed.
 */
export const WATCHDOG = `
const { spawn } = require('node:child_process')
const { rmSync } = require('node:fs')
const job = JSON.parse(process.argv[1])
const server = spawn(job.command, job.args, { ...job.options, stdio: ['ignore', 'inherit', 'inherit'] })
const timers = []
const stop = () => {
  if (timers.length > 0) return
  server.kill('SIGINT')
  timers.push(setTimeout(() => server.kill('SIGQUIT'), 10_000), setTimeout(() => server.kill('SIGKILL'), 15_000))
}
const end = () => {
  rmSync(job.remove, { recursive: true, force: true, maxRetries: 5 })
  process.exit(0)
}
server.once('exit', end)
server.once('error', (error) => { process.stderr.write(String(error) + '\\n', end) })
process.stdin.resume().once('end', stop).once('error', stop)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
process.stderr.on('error', () => {})
`
