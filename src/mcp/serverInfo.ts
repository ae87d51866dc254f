/** How this server introduces itself to clients. */
export interface ServerInfo {
  readonly name: string
  readonly title: string
  readonly version: string
}

export function serverInfoOf(version: string): ServerInfo {
  return { name: 'countersign', title: 'Countersign', version }
}
