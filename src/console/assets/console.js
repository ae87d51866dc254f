// Live updates: the only script of the console. Everything works without it, after a reload.

const news = document.getElementById('news')

function durationOf(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}

function tick() {
  for (const time of document.querySelectorAll('time[data-countdown], time[data-ago]')) {
    const left = Date.parse(time.dateTime) - Date.now()
    const text = time.hasAttribute('data-ago')
      ? `${durationOf(-left)} ago`
      : left <= 0
        ? 'time is up'
        : `${durationOf(left)} left`
    if (time.textContent !== text) time.textContent = text
  }
}

/** Takes over the parts that changed and nothing else, so that nobody loses what they are typing. */
async function refresh() {
  const response = await fetch(news.dataset.at, { cache: 'no-store', redirect: 'error' })
  if (!response.ok) return
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html')
  let changed = false
  for (const region of document.querySelectorAll('[data-live]')) {
    const next = fresh.querySelector(`[data-live="${region.dataset.live}"]`)
    if (next === null || next.dataset.version === region.dataset.version) continue
    const focused = region.contains(document.activeElement) ? document.activeElement.id : ''
    region.replaceWith(document.importNode(next, true))
    if (focused !== '') document.getElementById(focused)?.focus()
    changed = true
  }
  if (!changed) return
  document.title = fresh.title
  news.textContent = `Updated: ${fresh.title}`
}

let running = false
let again = false

/** One refresh at a time; what comes meanwhile is one more after it. */
async function refreshSoon() {
  again = running
  if (running) return
  running = true
  try {
    await refresh()
  } catch {
    // The gateway is away; the stream comes back with it and asks again.
  } finally {
    running = false
  }
  if (again) await refreshSoon()
}

const events = new EventSource('/console/events')
events.addEventListener('changed', refreshSoon)
events.addEventListener('ended', () => {
  events.close()
  location.assign(news.dataset.at)
})
addEventListener('pagehide', () => events.close())
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})

tick()
setInterval(tick, 1000)
