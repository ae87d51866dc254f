import { createServer } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test } from 'vitest'
import { fetchJson } from '../../src/identity/fetchJson.ts'
import { listen } from '../fixtures/wire.ts'

const open: { close(): void; closeAllConnections(): void }[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test.each([
  ['that says nothing', () => {}],
  ['that stops in the middle of its answer', (response: { write(text: string): void }) => response.write('{"keys":')],
])(
  'a provider %s is given up after the limit, also when garbage was collected meanwhile',
  async (_title, answer) => {
    const server = createServer((_request, response) => void answer(response))
    open.push(server)
    const url = `http://127.0.0.1:${await listen(server)}/`
    const fetching = fetchJson(url, { timeoutMs: 500, signal: new AbortController().signal }).then(
      () => 'answered',
      (error: Error) => error.name,
    )
    const collecting = setInterval(collectGarbage, 50)
    expect(await fetching).toBe('FetchProblem')
    clearInterval(collecting)
  },
  20_000,
)

test('an aborted signal ends the fetch', async () => {
  const server = createServer(() => {})
  open.push(server)
  const url = `http://127.0.0.1:${await listen(server)}/`
  const stopping = new AbortController()
  const fetching = fetchJson(url, { timeoutMs: 60_000, signal: stopping.signal })
  stopping.abort()
  await expect(fetching).rejects.toMatchObject({ name: 'FetchProblem' })
})
