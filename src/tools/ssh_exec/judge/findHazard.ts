import { posix } from 'node:path'

const words = (text: string) => text.trim().split(/\s+/)

/** Programs whose arguments are programs, or that hand everything to one: no list of flags makes them harmless. */
const RUNS_ANYTHING: ReadonlyMap<string, string> = new Map(
  [
    [
      'is a shell',
      'sh bash dash ash zsh ksh mksh pdksh csh tcsh fish rbash busybox toybox pwsh powershell elvish xonsh nu',
    ],
    [
      'is an interpreter',
      'python perl ruby node nodejs deno bun php lua luajit tclsh wish expect guile R Rscript julia groovy java jshell jrunscript awk gawk mawk nawk sed gsed bc dc m4 gdb lldb octave psql mysql mariadb sqlite3 redis-cli mongo mongosh pypy pypy3 ipython ipython3 jupyter irb pry rake ghci runghc ocaml erl escript elixir iex swift kotlin scala raku debugfs',
    ],
    [
      'runs another command',
      'env xargs parallel find fd watch script setsid screen tmux nsenter chroot unshare capsh setpriv systemd-run systemd-inhibit start-stop-daemon run-parts at batch crontab flock strace ltrace perf valgrind stdbuf unbuffer time runuser su pkexec sg newgrp chrt taskset numactl prlimit cgexec firejail bwrap faketime proot ld.so rlwrap socat nc ncat netcat telnet choom run0 gosu su-exec setuidgid chpst setlock runcon cpulimit fakeroot eatmydata catchsegv logsave daemonize chronic hyperfine direnv busctl dbus-send gdbus logrotate nmap ansible ansible-playbook puppet salt-call entr make gmake cmake ninja just ant mvn gradle npm npx yarn pnpm pip pipx gem cargo go dotnet',
    ],
    [
      'changes how the shell reads what follows',
      'eval exec command builtin source alias unalias export set unset shopt enable declare typeset local readonly let trap umask ulimit hash read mapfile readarray getopts cd pushd popd dirs bind complete compopt fc history logout return break continue shift wait suspend test [ printf chdir setenv unsetenv',
    ],
    [
      'reaches another machine or account',
      'ssh scp sftp rsync ssh-add ssh-agent ssh-keygen mosh rsh rlogin rcp ftp tftp lftp aria2c axel',
    ],
    [
      'hands the terminal to a person',
      'vi vim nvim view vimdiff ex ed nano emacs emacsclient pico joe mcedit less more most man info pg visudo vipw vigr sudoedit crontab',
    ],
    [
      'controls containers or clusters',
      'docker podman nerdctl crictl ctr kubectl oc helm lxc lxc-attach virsh machinectl',
    ],
    ['installs software', 'apt apt-get aptitude dpkg yum dnf rpm zypper pacman apk snap flatpak brew'],
    ['writes wherever it is told to', 'dd tee truncate shred install patch cpio ar unzip zip 7z gcore'],
    [
      'changes what others may do',
      'chmod chown chgrp chattr setfacl setcap visudo passwd chpasswd useradd usermod userdel groupadd groupmod groupdel adduser deluser sysctl modprobe insmod rmmod kexec mount umount swapon swapoff losetup cryptsetup iptables ip6tables nft ufw firewall-cmd',
    ],
    [
      'ends more than one service',
      'reboot shutdown halt poweroff init telinit mkfs fdisk parted sfdisk wipefs mkswap lvremove vgremove pvremove zfs zpool killall pkill',
    ],
  ].flatMap(([why = '', names = '']) => words(names).map((name) => [name, why] as const)),
)

interface FlagHazard {
  /** Letters that may stand in a bundle: `-xo`. */
  readonly letters: string
  /** Long options, without an abbreviation; every abbreviation counts. */
  readonly long: readonly string[]
  /** Words that mean it as they stand: subcommands, options with one dash. */
  readonly exact: readonly string[]
  /** A bundle of letters without a dash, as tar takes it. */
  readonly bare?: boolean
  readonly why: string
}

const hazard = (why: string, letters: string, options: string, bare = false): FlagHazard => ({
  why,
  letters,
  long: words(options).filter((option) => option.startsWith('--')),
  exact: words(options).filter((option) => option !== '' && !option.startsWith('--')),
  bare,
})

/** Options of common programs that write, run or send something although the program is known for reading. */
const BY_FLAG: Readonly<Record<string, FlagHazard>> = {
  tar: hazard(
    'can run programs and write files',
    'xcruAIFCPT',
    '--extract --create --append --update --get --delete --checkpoint-action --to-command --use-compress-program --info-script --new-volume-script --rsh-command --rmt-command --index-file --directory --files-from',
    true,
  ),
  sort: hazard(
    'can write files and run programs',
    'oST',
    '--output --compress-program --files0-from --temporary-directory',
  ),
  uniq: hazard('can write files', '', ''),
  git: hazard(
    'can run programs',
    'cC',
    '--exec-path --upload-pack --receive-pack --exec --output --ext-diff --textconv --open-files-in-pager --git-dir --work-tree --config-env clone fetch pull push submodule config rebase bisect filter-branch difftool mergetool hook commit merge checkout reset clean gc worktree',
  ),
  curl: hazard(
    'can write and send files',
    'oOKTFdJDcbE',
    '--output --remote-name --remote-name-all --config --upload-file --form --data --data-binary --data-raw --data-urlencode --json --dump-header --cookie-jar --trace --trace-ascii --output-dir --unix-socket --proxy --netrc --netrc-file --cert --key --engine --libcurl --stderr --etag-save --write-out --request',
  ),
  wget: hazard(
    'can write and send files',
    'OoaiPexrm',
    '--output-document --output-file --append-output --input-file --execute --post-file --body-file --post-data --use-askpass --config --directory-prefix --recursive --mirror',
  ),
  journalctl: hazard(
    'can remove or reveal logs',
    'DiM',
    '--vacuum-size --vacuum-time --vacuum-files --rotate --flush --sync --relinquish-var --smart-relinquish-var --setup-keys --update-catalog --cursor-file --directory --file --root --image --interval --verify-key',
  ),
  systemctl: hazard(
    'changes more than one running service',
    'HM',
    'edit set-property set-environment unset-environment import-environment link mask unmask enable disable preset reenable revert isolate kill reboot poweroff halt kexec rescue emergency default switch-root daemon-reexec suspend hibernate add-wants add-requires set-default bind mount-image --root --image --host --machine --kill-who --kill-whom --force --now',
  ),
  ss: hazard('can close sockets and write files', 'KDNF', '--kill --diag --net --filter'),
  dmesg: hazard(
    'can clear or change the log',
    'cCDEnFw',
    '--clear --read-clear --console-off --console-on --console-level --file',
  ),
  ip: hazard(
    'can change the network and run programs',
    'b',
    '-batch --batch -n -netns add del delete change replace set flush exec append -force netns vrf',
  ),
  ifconfig: hazard('can change the network', '', 'up down add del'),
  date: hazard('can set the clock or read other files', 'sf', '--set --file'),
  hostname: hazard('can set the name', 'F', '--file'),
  hwclock: hazard('can set the clock', 'swa', '--set --hctosys --systohc --adjust'),
  mail: hazard('sends mail', '', ''),
  top: hazard('can kill processes', '', ''),
  htop: hazard('can kill processes', '', ''),
  grep: hazard('can read lists from files', 'f', '--file'),
  egrep: hazard('can read lists from files', 'f', '--file'),
  rg: hazard('can run programs', 'f', '--pre --file --hostname-bin --search-zip'),
  file: hazard('can read lists from files', 'fCm', '--files-from --compile --magic-file'),
  wc: hazard('can read lists from files', '', '--files0-from'),
  du: hazard('can read lists from files', 'X', '--files0-from --exclude-from'),
  diff: hazard('can write files', 'l', '--paginate'),
  split: hazard('can run programs', '', '--filter'),
  xxd: hazard('can write files', 'r', '-revert'),
  openssl: hazard(
    'can read keys and write files',
    '',
    '-out -in -key -engine enc rsa pkey pkcs12 s_server req genrsa genpkey',
  ),
  loginctl: hazard(
    'can end sessions',
    'HM',
    'terminate-session terminate-user kill-session kill-user attach --host --machine',
  ),
  hostnamectl: hazard(
    'can set the name',
    'HM',
    'set-hostname hostname set-icon-name set-chassis set-deployment set-location --host --machine',
  ),
  timedatectl: hazard('can set the clock', 'HM', 'set-time set-timezone set-local-rtc set-ntp --host --machine'),
  networkctl: hazard('can change the network', '', 'up down delete renew forcerenew reconfigure reload'),
  rm: hazard('removes whole trees', 'rRf', '--recursive --force --no-preserve-root'),
  cp: hazard('can write over files anywhere', '', '--target-directory --backup --suffix'),
  mv: hazard('can write over files anywhere', '', '--target-directory --backup --suffix'),
  ln: hazard('can lead other paths elsewhere', '', ''),
  kill: hazard('can end more than one process', '', '-1 -- 0'),
  last: hazard('can read other files', 'f', '--file'),
  mysqldump: hazard('reads a whole database', '', ''),
  pg_dump: hazard('reads a whole database', '', ''),
  tcpdump: hazard('can write files and run programs', 'wzZrG', ''),
}

/** Hazards of the program itself, whatever its arguments. */
const ALWAYS = new Set(['uniq', 'mail', 'top', 'htop', 'ln', 'mysqldump', 'pg_dump'])

/**
 * Why a command must not run without a person, whatever rules say; undefined when nothing is known against it. Judges by
 * the last part of a path, without the version that interpreters carry (`/usr/bin/python3.12`).
 */
export function findHazard(argv: readonly string[]): string | undefined {
  const base = posix.basename(argv[0] ?? '')
  const names = [base, base.replace(/[-.\d]+$/, ''), base.split('.')[0] ?? '']
  for (const name of names) {
    const why = RUNS_ANYTHING.get(name)
    if (why !== undefined) return `${base} ${why}`
  }
  if (/^(?:ld-linux|ld-musl|ld\.|mkfs|nix-|systemd-)/.test(base)) return `${base} runs or changes more than it is told`
  if (argv[0] !== base && WRAPPER_NAMES.has(base)) return `${base} by its path is not unwrapped`
  const known = Object.hasOwn(BY_FLAG, base) ? BY_FLAG[base] : undefined
  if (known === undefined) return undefined
  if (ALWAYS.has(base)) return `${base} ${known.why}`
  const found = argv.slice(1).find((word, index) => isHazardous(word, index, known))
  return found === undefined ? undefined : `${base} ${known.why}`
}

const WRAPPER_NAMES = new Set(['sudo', 'doas', 'nice', 'ionice', 'nohup', 'timeout'])

function isHazardous(word: string, index: number, { letters, long, exact, bare }: FlagHazard): boolean {
  if (exact.includes(word)) return true
  if (word.startsWith('--')) {
    const name = word.split('=', 1)[0] ?? ''
    return name.length > 2 && long.some((option) => option.startsWith(name))
  }
  const holdsLetter = (text: string) => [...text].some((letter) => letters.includes(letter))
  if (word.startsWith('-')) return holdsLetter(word.slice(1))
  return bare === true && index === 0 && holdsLetter(word)
}
