import { matchesGlob } from '../../settings/glob.ts'

/** Characters that file systems or readers ignore inside of a name (HFS+ drops them; no eye sees them). */
const IGNORED = /\p{Cf}|\p{Cc}|\p{Default_Ignorable_Code_Point}/gu

/**
 * A path as a careless file system or reader takes it: no case, no invisible characters, compatibility forms unified,
 * `\` as a separator, and no trailing dots, spaces or stream names, which Windows drops.
 */
export function foldPath(path: string): string {
  return path
    .normalize('NFKC')
    .replace(IGNORED, '')
    .toLowerCase()
    .normalize('NFC')
    .replaceAll('\\', '/')
    .split('/')
    .map((segment) => segment.replace(/:.*$/, '').replace(/[. ]+$/, '') || segment)
    .join('/')
}

/**
 * What decides how a repository is built, checked, reviewed or checked out: whoever changes it can run code elsewhere, or
 * get around the people who would look. Folded; `**` stands in front of names that count in every folder.
 */
const ALWAYS: readonly string[] = [
  ...['.github/*', '.gitlab/*', '.gitlab-ci*', '.circleci/*', '.buildkite/*', '.woodpecker*', '.drone*', '.travis.yml'],
  ...['.azure-pipelines/*', '.azuredevops/*', '.teamcity/*', '.semaphore/*', '.forgejo/*', '.gitea/*', '.tekton/*'],
  ...['**azure-pipelines*', '**jenkinsfile*', '**bitbucket-pipelines.yml', '**appveyor.yml', '**.appveyor.yml'],
  ...['**cloudbuild.y*ml', '**buildspec.y*ml', '**.gitlab-ci.yml', '**codeowners', '**owners_aliases'],
  ...['**.gitmodules', '**.gitattributes', '**.gitignore_global', '**.gitconfig', '**.lfsconfig', '**.mailmap'],
  ...['.husky/*', '**.githooks/*', '**githooks/*', '**.pre-commit-config.yaml', '**.lefthook*', '**lefthook.y*ml'],
  ...['**.vscode/*', '**.devcontainer/*', '**.devcontainer.json', '**.idea/*', '**.envrc', '**.npmrc', '**.yarnrc*'],
  ...['**.claude/*', '**.cursor/*', '**.mcp.json', '**renovate.json', '**.renovaterc*', '**.pypirc', '**.netrc'],
  ...['**.pem', '**.key', '**.p12', '**.pfx', '**id_rsa', '**id_ed25519', '**.env'],
]

/** How a name is usually written, where that is not in lower case. */
const SPELLINGS: Readonly<Record<string, string>> = { codeowners: 'CODEOWNERS', jenkinsfile: 'Jenkinsfile' }

/**
 * The usual spelling of a path that needs a person, as it stands in `path:<...>`; undefined for any other path.
 *
 * @param more globs of the connection
 */
export function sensitivePathOf(path: string, more: readonly string[]): string | undefined {
  const folded = foldPath(path)
  const isListed = (glob: string): boolean => matchesPath(foldGlob(glob), folded)
  const isGitLike = folded.split('/').some((segment) => segment === '.git' || /^git~\d+$/.test(segment))
  if (!isGitLike && !ALWAYS.some((glob) => matchesPath(glob, folded)) && !more.some(isListed)) return undefined
  return folded
    .split('/')
    .map((segment) => SPELLINGS[segment] ?? segment)
    .join('/')
}

/** `**x` names x in every folder: at the top, or after a slash. */
function matchesPath(glob: string, path: string): boolean {
  // The folder itself too: in its place a link or a submodule can stand.
  if (glob.endsWith('/*') && matchesPath(glob.slice(0, -2), path)) return true
  if (!glob.startsWith('**')) return matchesGlob(glob, path)
  const inner = glob.slice(2).replace(/^\//, '')
  if (inner.startsWith('.') && !inner.includes('/') && isSuffix(inner)) return matchesGlob(`*${inner}`, path)
  return matchesGlob(inner, path) || matchesGlob(`*/${inner}`, path)
}

/** `.pem` is the end of a name, `.npmrc` a whole one. */
const SUFFIXES = new Set(['.pem', '.key', '.p12', '.pfx', '.env'])
function isSuffix(name: string): boolean {
  return SUFFIXES.has(name)
}

/** A glob folded like a path; its stars stay. */
export function foldGlob(glob: string): string {
  return glob.split('*').map(foldPiece).join('*')
}

function foldPiece(piece: string): string {
  return piece.normalize('NFKC').replace(IGNORED, '').toLowerCase().normalize('NFC').replaceAll('\\', '/')
}
