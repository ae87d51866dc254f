import type { GitConnection } from './settings.ts'

type Forge = 'github' | 'gitlab' | 'azure' | 'none'

/** The page at which a person opens a pull request for a branch; undefined where nobody knows what runs at the host. */
export function pullRequestUrl({ url, forge }: Pick<GitConnection, 'url' | 'forge'>, ref: string): string | undefined {
  const { hostname, pathname } = new URL(url)
  const branch = ref.slice('refs/heads/'.length)
  const path = pathname.replace(/\/+$/, '').replace(/\.git$/, '')
  switch (forge ?? forgeOf(hostname)) {
    case 'github':
      return `https://${hostname.replace(/^ssh\./, '')}${path}/compare/${branch.split('/').map(encodeURIComponent).join('/')}?expand=1`
    case 'gitlab':
      return `https://${hostname}${path}/-/merge_requests/new?merge_request%5Bsource_branch%5D=${encodeURIComponent(branch)}`
    case 'azure':
      return azure(hostname, path, branch)
    case 'none':
      return undefined
  }
}

function forgeOf(hostname: string): Forge {
  if (hostname === 'github.com' || hostname === 'ssh.github.com' || hostname.endsWith('.ghe.com')) return 'github'
  if (hostname === 'gitlab.com' || hostname.startsWith('gitlab.')) return 'gitlab'
  if (/^(?:ssh\.)?dev\.azure\.com$/.test(hostname) || /(?:^|\.)(?:vs-ssh\.)?visualstudio\.com$/.test(hostname))
    return 'azure'
  return 'none'
}

/** `dev.azure.com/org/project/_git/repo` over HTTPS, `ssh.dev.azure.com/v3/org/project/repo` over SSH. */
function azure(hostname: string, path: string, branch: string): string | undefined {
  const source = `?sourceRef=${encodeURIComponent(branch)}`
  const overSsh = /^\/v3\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path)
  if (overSsh !== null) {
    const [, organization, project, repository] = overSsh
    return `https://dev.azure.com/${organization}/${project}/_git/${repository}/pullrequestcreate${source}`
  }
  return path.includes('/_git/') ? `https://${hostname}${path}/pullrequestcreate${source}` : undefined
}
