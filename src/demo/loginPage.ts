import type { DemoPerson } from './people.ts'

type LoginPageInput =
  | { readonly problem: string }
  | { readonly done: string }
  /** Where the code is sent that a terminal shows. */
  | { readonly askCodeAt: string }
  | { readonly people: readonly DemoPerson[]; readonly action: string; readonly params: URLSearchParams }

/** The page on which somebody chooses who they are in the demo. */
export function loginPage(input: LoginPageInput): string {
  const body = bodyOf(input)
  return pageWith(body)
}

function bodyOf(input: LoginPageInput): string {
  if ('problem' in input) return `<p class="problem">${escapeHtml(input.problem)}</p>`
  if ('done' in input) return `<p>${escapeHtml(input.done)}</p>`
  if ('askCodeAt' in input) {
    return `<form action="${escapeHtml(input.askCodeAt)}"><label>The code in the terminal
<input name="user_code" autocomplete="off" required autofocus></label><button>Next</button></form>`
  }
  return `<form method="post" action="${escapeHtml(input.action)}">
${[...input.params].map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`).join('\n')}
${input.people.map(personButton).join('\n')}
</form>`
}

function pageWith(body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Demo sign-in</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="mark">Demo only</p>
<h1>Who are you today?</h1>
<p>This stands in for Microsoft Entra on this machine. It has no passwords: choose somebody.</p>
${body}
</main>
</body>
</html>
`
}

function personButton({ id, name, about }: DemoPerson): string {
  return `<button name="person" value="${escapeHtml(id)}"><strong>${escapeHtml(name)}</strong><span>${escapeHtml(about)}</span></button>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const STYLE = `
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: CanvasText; background: Canvas; }
main { max-width: 26rem; margin: 12vh auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; margin: 0.25rem 0; }
.mark { display: inline-block; margin: 0; padding: 0 0.5rem; border: 1px solid; border-radius: 4px; font-size: 0.8rem; }
.problem { border-left: 4px solid; padding-left: 0.75rem; }
button { display: block; width: 100%; margin: 0.75rem 0; padding: 0.75rem 1rem; text-align: left; font: inherit;
  color: inherit; background: none; border: 1px solid; border-radius: 8px; cursor: pointer; }
button:hover, button:focus-visible { outline: 2px solid Highlight; outline-offset: 2px; }
button strong, button span { display: block; }
`
