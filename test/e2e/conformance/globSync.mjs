// The conformance suite is built for Node 22: it imports `globSync`, which only its comparison of SDKs uses. On Node 20 a
// missing export keeps the whole program from starting, so it gets one that refuses.
import { register } from 'node:module'

const files = `export * from 'node:fs'
export { default } from 'node:fs'
export function globSync() { throw new Error('globSync needs Node 22') }`
const suite = '/@modelcontextprotocol/conformance/'
register(
  `data:text/javascript,${encodeURIComponent(`export const resolve = (name, context, next) =>
    (name === 'fs' || name === 'node:fs') && context.parentURL?.includes('${suite}')
      ? { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(files)}`)}, shortCircuit: true }
      : next(name, context)`)}`,
)
