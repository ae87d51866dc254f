/** The most resident memory of this process while `work` runs, over what it had before, in MiB. */
export async function memoryPeak(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss()
  let peak = before
  const look = () => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  const timer = setInterval(look, 5)
  try {
    await work()
  } finally {
    clearInterval(timer)
    look()
  }
  return (peak - before) / 1024 ** 2
}
