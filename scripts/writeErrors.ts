import { writeFileSync } from 'node:fs'
import { ERRORS } from '../src/errors.ts'

/** docs/errors.md: every code with what it means and what to do, straight from the table in src/errors.ts. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, message, next }]) => `| \`${code}\` | ${status} | ${cell(message)} | ${cell(next)} |`,
  )
  return `# Errors

<!-- Generated from src/errors.ts by \`npm run docs\`. Do not edit. -->

A code is a promise: it never changes its meaning and is never used again for something else. An error that ends an HTTP
request has the status named here. Where the status is 200 the answer is a tool result with \`isError: true\`, the code in
\`code\`, what happened in \`message\`, and what to do now in \`next_step\`.

| code | HTTP status | what happened | what to do |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}

export function writeErrors(): void {
  writeFileSync('docs/errors.md', errorsPage())
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
