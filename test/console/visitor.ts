import { randomBytes } from 'node:crypto'

/** A page as it arrived. */
export interface Visited {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly setCookies: readonly string[]
}

export interface VisitOptions {
  readonly method?: string
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Leave out the cookies that are kept. */
  readonly cookies?: string
}

/** A browser without a window: keeps cookies, sends the Origin of its forms, follows nothing by itself. */
export interface Visitor {
  readonly cookies: Map<string, string>
  visit(path: string, options?: VisitOptions): Promise<Visited>
  /** Goes through the identity provider as this person and answers the page it comes back to. */
  signIn(person: string, to?: string): Promise<Visited>
  /** Sends the form of a page whose action ends so, with its hidden fields. */
  submit(page: Visited, action: string, fields?: Readonly<Record<string, string>>): Promise<Visited>
}

export function openVisitor(mcpUrl: string): Visitor {
  const { origin } = new URL(mcpUrl)
  const cookies = new Map<string, string>()

  const visit: Visitor['visit'] = async (path, { method, form, headers = {}, cookies: given } = {}) => {
    const cookie = given ?? [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(new URL(path, origin), {
      method: method ?? (form === undefined ? 'GET' : 'POST'),
      redirect: 'manual',
      headers: {
        ...(cookie !== '' && { cookie }),
        ...(form !== undefined && { origin, 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(form !== undefined && { body: new URLSearchParams(form).toString() }),
    })
    const setCookies = response.headers.getSetCookie()
    for (const line of setCookies) keep(line)
    return { status: response.status, headers: response.headers, text: await response.text(), setCookies }
  }

  function keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const [name = '', value = ''] = pair.split(/=(.*)/s)
    if (attributes.includes('Max-Age=0')) cookies.delete(name)
    else cookies.set(name, value)
  }

  return {
    cookies,
    visit,
    async signIn(person, to = '/console/requests') {
      const started = await visit(`/console/login?to=${encodeURIComponent(to)}`)
      const callback = await chooseAtIssuer(started.headers.get('location') ?? '', person)
      return await visit(callback.pathname + callback.search)
    },
    async submit(page, action, fields = {}) {
      const form = formOf(page.text, action)
      return await visit(form.action, { form: { ...form.hidden, ...fields } })
    },
  }
}

/** What the identity provider answers to a person who was chosen: the address that the browser is sent back to. */
export async function chooseAtIssuer(authorizationUrl: string, person: string): Promise<URL> {
  const url = new URL(authorizationUrl)
  const form = new URLSearchParams(url.search)
  form.set('person', person)
  const response = await fetch(url.origin + url.pathname, { method: 'POST', body: form, redirect: 'manual' })
  return new URL(response.headers.get('location') ?? '')
}

/** The hidden fields of a form, as a page of ours writes them. */
export function formOf(text: string, action: string): { action: string; hidden: Record<string, string> } {
  for (const [, target = '', body = ''] of text.matchAll(/<form[^>]* action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)) {
    if (!target.endsWith(action)) continue
    const fields = [...body.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)]
    return { action: target, hidden: Object.fromEntries(fields.map(([, name, value]) => [name, value])) }
  }
  throw new Error(`no form whose action ends with ${action} in: ${text.slice(0, 2_000)}`)
}

export function randomToken(): string {
  return randomBytes(32).toString('base64url')
}
