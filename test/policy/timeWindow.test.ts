import { describe, expect, test } from 'vitest'
import { rate } from '../../src/policy/rate.ts'
import { isInWindow, nextOpening, timeWindow } from '../../src/policy/timeWindow.ts'

const at = (text: string) => Date.parse(text)
const iso = (time: number | undefined) => time && new Date(time).toISOString()
const OFFICE = timeWindow.parse('mon-fri 08:00-18:00 Europe/Madrid')

describe('a window is open by the clock on the wall of its zone', () => {
  test.each([
    ['its first minute', OFFICE.text, '2026-11-20T08:00:00+01:00', true],
    ['the millisecond before', OFFICE.text, '2026-11-20T07:59:59.999+01:00', false],
    ['its last millisecond', OFFICE.text, '2026-11-20T17:59:59.999+01:00', true],
    ['the minute it closes', OFFICE.text, '2026-11-20T18:00:00+01:00', false],
    ['a Saturday', OFFICE.text, '2026-11-21T12:00:00+01:00', false],
    ['a day that has not begun there yet', OFFICE.text, '2026-11-16T06:30:00Z', false],
    ['the same hour in summer time', OFFICE.text, '2026-07-01T06:00:00Z', true],
    ['which in winter is too early', OFFICE.text, '2026-11-20T06:00:00Z', false],
    ['a list of days', 'mon-wed,sat 00:00-24:00 UTC', '2026-11-21T23:59:59Z', true],
    ['a day that is not on the list', 'mon-wed,sat 00:00-24:00 UTC', '2026-11-19T00:00:00Z', false],
    ['days that go round the weekend', 'fri-mon 09:00-10:00 UTC', '2026-11-22T09:30:00Z', true],
    ['over midnight, in the evening', 'fri 22:00-06:00 UTC', '2026-11-20T23:00:00Z', true],
    ['over midnight, in the morning after', 'fri 22:00-06:00 UTC', '2026-11-21T05:59:00Z', true],
    ['over midnight, in the morning of the day itself', 'fri 22:00-06:00 UTC', '2026-11-20T05:00:00Z', false],
    ['over midnight, from Sunday to Monday', 'sun 22:00-06:00 UTC', '2026-11-23T02:00:00Z', true],
    ['a zone with a quarter of an hour', 'mon-sun 12:00-12:30 Asia/Kathmandu', '2026-11-20T06:15:00Z', true],
    ['the hour that is skipped is never', 'sun 02:00-03:00 Europe/Madrid', '2026-03-29T01:00:00Z', false],
    ['the hour that comes twice, once', 'sun 02:00-03:00 Europe/Madrid', '2026-10-25T00:30:00Z', true],
    ['the hour that comes twice, again', 'sun 02:00-03:00 Europe/Madrid', '2026-10-25T01:30:00Z', true],
    ['the date line', 'mon 00:00-01:00 Pacific/Kiritimati', '2026-11-22T10:30:00Z', true],
  ])('%s', (_, text, time, open) => {
    expect(isInWindow(timeWindow.parse(text), at(time))).toBe(open)
  })

  test('over ten days around both changes of the clocks it is open for exactly its hours', () => {
    const minutes = (from: string, window = OFFICE) =>
      Array.from({ length: 10 * 24 * 60 }, (_, minute) => at(from) + minute * 60_000).filter((time) =>
        isInWindow(window, time),
      ).length
    expect(minutes('2026-03-24T00:00:00Z')).toBe(8 * 600)
    const nights = timeWindow.parse('mon-sun 22:00-06:00 Europe/Madrid')
    expect(minutes('2026-03-20T12:00:00Z', nights)).toBe(10 * 480 - 60)
    expect(minutes('2026-10-20T12:00:00Z', nights)).toBe(10 * 480 + 60)
  })
})

describe('the next opening', () => {
  test.each([
    ['now, when it is open', OFFICE.text, '2026-11-20T09:00:00+01:00', '2026-11-20T08:00:00.000Z'],
    ['on Monday, from Friday night', OFFICE.text, '2026-11-20T22:00:00+01:00', '2026-11-23T07:00:00.000Z'],
    ['later the same day', OFFICE.text, '2026-11-20T05:00:00+01:00', '2026-11-20T07:00:00.000Z'],
    ['over the change to summer time', OFFICE.text, '2026-03-28T12:00:00Z', '2026-03-30T06:00:00.000Z'],
    [
      'when its beginning is skipped',
      'sun 02:30-04:00 Europe/Madrid',
      '2026-03-28T12:00:00Z',
      '2026-03-29T01:00:00.000Z',
    ],
    [
      'a week later, when all of it is skipped',
      'sun 02:00-03:00 Europe/Madrid',
      '2026-03-28T12:00:00Z',
      '2026-04-05T00:00:00.000Z',
    ],
    [
      'half an hour of Lord Howe Island',
      'sun 02:00-02:45 Australia/Lord_Howe',
      '2026-10-03T00:00:00Z',
      '2026-10-03T15:30:00.000Z',
    ],
  ])('%s', (_, text, time, opening) => {
    expect(iso(nextOpening([timeWindow.parse(text)], at(time)))).toBe(opening)
  })

  test('is that of the window that opens first, and is never a moment at which all are closed', () => {
    const windows = ['mon 03:00-04:00 UTC', 'sat 23:30-00:10 America/New_York', 'wed 08:17-08:18 Asia/Tokyo'].map(
      (text) => timeWindow.parse(text),
    )
    for (let hour = 0; hour < 24 * 14; hour += 7) {
      const now = at('2026-10-24T00:30:00Z') + hour * 3_600_000
      const next = nextOpening(windows, now) ?? 0
      expect(next).toBeGreaterThanOrEqual(now)
      expect(windows.some((window) => isInWindow(window, next))).toBe(true)
      const before = windows.some((window) => isInWindow(window, next - 60_000))
      expect(next === now || !before).toBe(true)
    }
  })
})

describe('what is not a window or a rate is refused, with what is allowed', () => {
  test.each([
    ['mon-fri 08:00-18:00', 'days, hours and a time zone'],
    ['mon-fri 8:00-18:00 UTC', '08:00-18:00'],
    ['mon-fri 08:00-24:01 UTC', 'from 00:00 to 24:00'],
    ['mon-fri 24:00-06:00 UTC', 'from 00:00 to 24:00'],
    ['mon-fri 08:60-18:00 UTC', 'from 00:00 to 24:00'],
    ['mon-fri 08:00-08:00 UTC', 'a whole day is 00:00-24:00'],
    ['monday 08:00-18:00 UTC', 'allowed: mon, tue'],
    ['mon-wed-fri 08:00-18:00 UTC', 'allowed: mon, tue'],
    ['mon,,fri 08:00-18:00 UTC', 'allowed: mon, tue'],
    ['mon-fri,wed 08:00-18:00 UTC', 'a day is named twice'],
    ['Mon 08:00-18:00 UTC', 'allowed: mon, tue'],
    ['mon 08:00-18:00 Europe/Madird', 'did you mean "Europe/Madrid"?'],
    ['mon 08:00-18:00 Mars/Olympus', 'IANA'],
    ['mon 08:00-18:00 +01:00', 'IANA'],
    ['mon 08:00-18:00 UTC daily', 'days, hours and a time zone'],
    ['', 'days, hours and a time zone'],
  ])('%s', (text, message) => {
    expect(timeWindow.safeParse(text).error?.issues[0]?.message).toContain(message)
  })

  test.each(['20', '0/h', '-1/h', '1.5/h', '20/s', '20/w', '20 / h', '10001/h', '1/32d', '1/0h', '٢٠/h', '1e3/h'])(
    '%s',
    (text) => {
      expect(rate.safeParse(text).error?.issues[0]?.message).toContain('20/h, 5/10m or 100/d')
    },
  )

  test('a rate is a number of calls within a time', () => {
    expect(rate.parse('20/h')).toEqual({ text: '20/h', limit: 20, windowMs: 3_600_000 })
    expect(rate.parse('5/10m')).toEqual({ text: '5/10m', limit: 5, windowMs: 600_000 })
    expect(rate.parse('10000/31d')).toEqual({ text: '10000/31d', limit: 10_000, windowMs: 31 * 86_400_000 })
  })
})
