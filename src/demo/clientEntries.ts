import { paint, type Terminal } from '../cli/terminal.ts'

interface Entry {
  readonly url: string
  /** Holds the demo agent's token; relative to the current folder. */
  readonly tokenFile: string
  readonly terminal: Terminal
}

/** Ready-to-paste entries for real agents. The token is in a file of its own, so that it is in nobody's history. */
export function clientEntries({ url, tokenFile, terminal }: Entry): string {
  const title = (text: string) => paint(terminal, 'bold', text)
  return `
${title('Your own agent')}  the gateway stays up; Ctrl+C stops it. The demo token lasts 8 hours (${tokenFile}).

${title('Claude Code')}
  claude mcp add --transport http countersign ${url} --header "Authorization: Bearer $(cat ${tokenFile})"

${title('VS Code / GitHub Copilot')}  .vscode/mcp.json
  { "inputs": [{ "type": "promptString", "id": "countersign-token", "description": "contents of ${tokenFile}", "password": true }],
    "servers": { "countersign": { "type": "http", "url": "${url}",
      "headers": { "Authorization": "Bearer \${input:countersign-token}" } } } }

${title('Codex')}  ~/.codex/config.toml, then: export COUNTERSIGN_AGENT_TOKEN=$(cat ${tokenFile})
  [mcp_servers.countersign]
  url = "${url}"
  bearer_token_env_var = "COUNTERSIGN_AGENT_TOKEN"
  tool_timeout_sec = 3600

Demo only: the identity provider is local and mints what it is asked for. In production agents log in with Microsoft
Entra, reviewers through their own app registration; see the README.`
}
