// The point at which this process kills itself. `trail:call.started:synced#2` is the second time that a line of this
// kind has become durable.
let wanted = ''
let left = 0

export function arm(point) {
  const [name, nth = '1'] = point.split('#')
  wanted = name
  left = Number(nth)
}

export const isHere = (name) => name === wanted && --left === 0
export const die = () => process.kill(process.pid, 'SIGKILL')
export const reach = (name) => {
  if (isHere(name)) die()
}
