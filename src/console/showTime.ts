import { type Html, html } from './html.ts'

/** A moment, in UTC and to the second: reviewers and servers live in many time zones. */
export function moment(iso: string): Html {
  return html`<time datetime="${iso}">${iso.replace('T', ' ').replace(/\.\d+Z$/, '')} UTC</time>`
}

/** How long until then. The script of the page counts it down. */
export function countdown(iso: string, now: number): Html {
  return html`<time datetime="${iso}" data-countdown>${remaining(Date.parse(iso) - now)}</time>`
}

/** How long ago that was, as the page was made. */
export function ago(iso: string, now: number): Html {
  return html`<time datetime="${iso}" data-ago>${duration(now - Date.parse(iso))} ago</time>`
}

function remaining(milliseconds: number): string {
  return milliseconds <= 0 ? 'time is up' : `${duration(milliseconds)} left`
}

function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}
