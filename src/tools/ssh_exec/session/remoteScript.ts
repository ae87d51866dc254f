import { quoteWord } from '../line/emitLine.ts'

/**
 * What the host runs around a command line, in POSIX sh. $1 the line, $2 seconds, $3 bytes of standard input, $4 the mark
 * at their end, $5 `watch` for a line that ends with its connection.
 *
 * - `timeout -k` keeps the limit on the host: closing a channel kills nothing. It leads a process group, and signals all
 *   of it; what is left of the group when the limit struck is killed at last, and of the session, where ps(1) knows it.
 * - Standard input is read whole before the line starts, and only if it is whole, so that nothing ever runs on half of it.
 *   It goes through a variable and a builtin, so it is in no process list.
 * - What stays open of the channel is a signal line: its end, by a cancelled call, a lost connection or a gateway that is
 *   gone, ends a line that only reads. A change is left to run to its end or its limit.
 */
const SCRIPT = `exec 3<&0 </dev/null
if [ "$3" -gt 0 ]; then
  input=$(head -c "$3" <&3)
  case $input in *"$4") input=\${input%"$4"} ;; *) exit 125 ;; esac
  printf %s "$input" | timeout -k 5 "$2" sh -c "$1" 3<&- &
else
  timeout -k 5 "$2" sh -c "$1" 3<&- &
fi
main=$!
if [ "$5" = watch ]; then
  { cat <&3; kill -s TERM "$main"; } >/dev/null 2>&1 &
  watcher=$!
fi
exec 3<&-
wait "$main"
code=$?
[ "$5" != watch ] || kill "$watcher" 2>/dev/null
case $code in 124|137|143)
  kill -s KILL -- "-$main" 2>/dev/null
  for left in $(ps -s "$$" -o pid= 2>/dev/null); do
    [ "$left" = "$$" ] || kill -s KILL "$left" 2>/dev/null
  done ;;
esac
exit "$code"`

export interface RemoteCall {
  /** What was judged, for `sh -c`. */
  readonly sent: string
  readonly timeoutMs: number
  readonly stdin: string
  /** The end of the connection ends the line. */
  readonly endsWithConnection: boolean
}

/** Linux gives one argument of a program 128 KiB; the line is one argument of the login shell. */
const LONGEST = 120 * 1024

/** The command for the channel, and what is written to it first; undefined when it is too long for one. */
export function writeRemoteCommand(
  { sent, timeoutMs, stdin, endsWithConnection }: RemoteCall,
  mark: string,
): { readonly command: string; readonly input: string } | undefined {
  const input = stdin === '' ? '' : stdin + mark
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1_000))
  const watch = endsWithConnection ? 'watch' : 'stay'
  const words = ['sh', '-c', SCRIPT, 'countersign', sent, `${seconds}`, `${Buffer.byteLength(input)}`, mark, watch]
  const command = `exec ${words.map(quoteWord).join(' ')}`
  return Buffer.byteLength(command) > LONGEST ? undefined : { command, input }
}
