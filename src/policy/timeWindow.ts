import * as z from 'zod'
import { nearest } from '../settings/nearest.ts'

/** Days and hours on the clock of a place: `mon-fri 08:00-18:00 Europe/Madrid`. */
export interface TimeWindow {
  /** As it was written, with single spaces. */
  readonly text: string
  /** Days on which it opens. 1 is Monday, 7 Sunday. */
  readonly days: readonly number[]
  /** Minutes after midnight. `to` is not part of it; at or before `from` it is on the next day. */
  readonly from: number
  readonly to: number
  /** A time zone of the IANA database. */
  readonly zone: string
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const FORM = 'days, hours and a time zone: mon-fri 08:00-18:00 Europe/Madrid'
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** No clock is put forward by more. */
const GAP_MS = 120 * MINUTE_MS
const MIDNIGHT = 24 * 60

/** One window as people write it. What is wrong with it is said with what is allowed. */
export const timeWindow = z
  .string(FORM)
  .max(200)
  .transform((text, context): TimeWindow => {
    const read = readWindow(text.trim().split(/\s+/))
    if (typeof read !== 'string') return read
    context.issues.push({ code: 'custom', message: read, input: text })
    return z.NEVER
  })

/** The window, or what is wrong with it. */
function readWindow(parts: readonly string[]): TimeWindow | string {
  const [days = '', hours = '', zone = '', ...rest] = parts
  if (zone === '' || rest.length > 0) return `expected ${FORM}`
  const opens = readDays(days)
  if (typeof opens === 'string') return opens
  const [, fromHour, fromMinute, toHour, toMinute] = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(hours) ?? []
  const from = minutesOf(fromHour, fromMinute)
  const to = minutesOf(toHour, toMinute)
  if (from === undefined || to === undefined || from === MIDNIGHT) {
    return 'expected hours from 00:00 to 24:00, such as 08:00-18:00, or 22:00-06:00 over midnight'
  }
  if (from === to) return 'these hours are empty; a whole day is 00:00-24:00'
  if (!isZone(zone)) return `no time zone is called that${suggestZone(zone)}`
  return { text: parts.join(' '), days: opens, from, to, zone }
}

function readDays(text: string): readonly number[] | string {
  const found = new Set<number>()
  for (const part of text.split(',')) {
    const [first = '', last = first, ...rest] = part.split('-')
    const [start, end] = [numberOf(first), numberOf(last)]
    if (rest.length > 0 || start === undefined || end === undefined) {
      return `expected days such as mon-fri, sat,sun or mon-wed,fri (allowed: ${DAYS.join(', ')})`
    }
    for (let day = start; ; day = (day % 7) + 1) {
      if (found.has(day)) return 'a day is named twice'
      found.add(day)
      if (day === end) break
    }
  }
  return [...found].sort()
}

function numberOf(day: string): number | undefined {
  const index = (DAYS as readonly string[]).indexOf(day)
  return index < 0 ? undefined : index + 1
}

function minutesOf(hour: string | undefined, minute: string | undefined): number | undefined {
  if (hour === undefined || minute === undefined) return undefined
  const minutes = Number(hour) * 60 + Number(minute)
  return Number(minute) < 60 && minutes <= MIDNIGHT ? minutes : undefined
}

/** Offsets (`+01:00`) are no zones: they know no summer time, and who writes one has usually forgotten it. */
function isZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

function suggestZone(zone: string): string {
  const meant = nearest(zone, Intl.supportedValuesOf('timeZone'))
  const allowed = 'names of the IANA time zone database, such as UTC, Europe/Madrid, America/New_York'
  return meant === undefined ? ` (allowed: ${allowed})` : ` (did you mean "${meant}"? allowed: ${allowed})`
}

/**
 * Whether the window is open at this moment (milliseconds since 1970). The clock on the wall of the zone decides: an
 * hour that a change of the clocks leaves out is never, and one that comes twice is in the window both times.
 */
export function isInWindow({ days, from, to, zone }: TimeWindow, now: number): boolean {
  const { day, minute } = wallClock(zone, now)
  if (from < to) return days.includes(day) && minute >= from && minute < to
  return (days.includes(day) && minute >= from) || (days.includes(((day + 5) % 7) + 1) && minute < to)
}

/** When one of the windows is open next, `now` included; undefined when none opens within two weeks. */
export function nextOpening(windows: readonly TimeWindow[], now: number): number | undefined {
  const openings = windows.flatMap((window) => openingOf(window, now) ?? [])
  return openings.length === 0 ? undefined : Math.min(...openings)
}

function openingOf(window: TimeWindow, now: number): number | undefined {
  if (isInWindow(window, now)) return now
  for (let ahead = 0; ahead <= 14; ahead++) {
    const date = wallClock(window.zone, now + ahead * DAY_MS)
    const wall = date.midnight + window.from * MINUTE_MS
    const opening = instantOf(window.zone, wall)
    if (opening > now && isInWindow(window, opening) && wallClock(window.zone, opening).wall === wall) return opening
    // A clock that is put forward skips the beginning, or all of it.
    for (let at = opening - GAP_MS; at <= opening + GAP_MS; at += MINUTE_MS) {
      if (at > now && isInWindow(window, at)) return at
    }
  }
  return undefined
}

/** The moment at which the clock in the zone shows this. `wall` counts as if the zone were UTC. */
function instantOf(zone: string, wall: number): number {
  const guess = wall - (wallClock(zone, wall).wall - wall)
  return guess + (wall - wallClock(zone, guess).wall)
}

interface WallClock {
  readonly day: number
  readonly minute: number
  /** Date and time of the clock, and of the midnight before, counted as if the zone were UTC. */
  readonly wall: number
  readonly midnight: number
}

function wallClock(zone: string, at: number): WallClock {
  const floor = Math.floor(at / MINUTE_MS) * MINUTE_MS
  const parts: Record<string, number> = {}
  for (const { type, value } of clockOf(zone).formatToParts(floor)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts
  const midnight = Date.UTC(year, month - 1, day)
  const minutes = hour * 60 + minute
  return { day: new Date(midnight).getUTCDay() || 7, minute: minutes, midnight, wall: midnight + minutes * MINUTE_MS }
}

const clocks = new Map<string, Intl.DateTimeFormat>()

/** Making one costs more than a hundred uses of it, and zones are few: they come from the policies. */
function clockOf(timeZone: string): Intl.DateTimeFormat {
  const known = clocks.get(timeZone)
  if (known !== undefined) return known
  const numeric = 'numeric' as const
  const made = new Intl.DateTimeFormat('en', {
    ...{ timeZone, calendar: 'iso8601', numberingSystem: 'latn', hourCycle: 'h23' },
    ...{ year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric },
  })
  clocks.set(timeZone, made)
  return made
}
