#!/bin/bash
# Ends a process and all its descendants, and nothing else.
#
#   kill-tree.sh -p PID -t START [-n] [-j]
#
#   -p PID    the process on top of the tree
#   -t START  when it started, in clock ticks after boot: field 22 of /proc/PID/stat; `start_id` of
#             `processes -output json` (BOOT:TICKS) is taken too, and then the boot must be this one
#   -n        says what would be ended and touches nothing
#   -j        one JSON object per line
#
# Status: 0 the tree is empty, 1 it is not, 2 wrong parameters, 3 no such process.
# Nothing undoes it. It makes no file.
#
# 1. A process is its number and its start. Both are compared before each signal, and once more
#    after STOP: a stopped process cannot end by itself, so its number stays its own until KILL.
# 2. All are stopped before any is killed, so that nobody forks or restarts what was ended.
# 3. It looks again until a look finds nobody new, and after KILL until nobody is left. A look proves
#    that only if all members stand still by then (STOP may come in the middle of a fork) and nobody
#    unknown ended while it went on (its child may be younger than the list of processes). Where
#    neither comes to be, many looks must do.
# 4. Descendants are children of members, and everybody in a session that a member leads: a process
#    gets into a session only by being born in it, so a daemon whose parent has gone is found there.
#    A process group proves nothing: a shell puts strangers into one.

export LC_ALL=C
set -u -o pipefail
exec </dev/null

LIMIT=60  # seconds for each half
MANY=25   # looks in a row without anybody new, where none is a proof

usage() { echo "wrong parameters: $1; kill-tree.sh -p PID -t START [-n] [-j]" >&2; exit 2; }
fail() { echo "failed: $1" >&2; exit 1; }
absent() { echo "nothing found: $1; nothing was touched" >&2; exit 3; }
number() { [[ $1 =~ ^[1-9][0-9]{0,17}$ ]]; }

pid='' start='' dry='' json=''
while getopts :p:t:nj option; do
  case $option in
    p) pid=$OPTARG ;;
    t) start=$OPTARG ;;
    n) dry=1 ;;
    j) json=1 ;;
    :) usage "-$OPTARG needs a value" ;;
    *) usage "-$OPTARG is not known" ;;
  esac
done
shift $((OPTIND - 1))
(($# == 0)) || usage "'$1' is too much"
[[ $pid ]] || usage '-p PID is missing'
[[ $start ]] || usage '-t START is missing'
number "$pid" || usage '-p takes a process number'
if [[ $start == *:* ]]; then
  read -r boot </proc/sys/kernel/random/boot_id
  [[ ${start%:*} == "$boot" ]] || absent '-t is of another boot'
  start=${start##*:}
fi
number "$start" || usage '-t takes clock ticks, or BOOT:TICKS'

# Into `state`, `parent`, `leads` (its session) and `born`; fails for one that is gone. The name in
# brackets may hold anything, line ends too: the fields begin behind the last bracket.
look() {
  local text='' fields
  { IFS= read -r -d '' text <"/proc/$1/stat"; } 2>/dev/null
  [[ $text == *')'* ]] || return 1
  fields=(${text##*) })
  state=${fields[0]} parent=${fields[1]} leads=${fields[3]} born=${fields[19]}
  # Its first thread has ended, but others run: no zombie.
  [[ $state != Z ]] || ((fields[17] < 2)) || state=S
}

# It still is the one that started then, and has not ended (a zombie only waits for its parent).
same() { look "$1" && [[ $born == "$2" && $state != [ZX] ]]; }

declare -A tree=() name=() words=() above=() stopped=() killed=()
order=()

remember() {
  tree[$1]=$2 above[$1]=$parent
  order+=("$1")
}

# Names and arguments are read when all stand still: looking must be fast.
describe() {
  local one text
  local -a parts
  for one in "${order[@]}"; do
    same "$one" "${tree[$one]}" || continue
    text=''
    { IFS= read -r -d '' text <"/proc/$one/comm"; } 2>/dev/null
    name[$one]=${text%$'\n'}
    { mapfile -d '' -t -n 1000 parts <"/proc/$one/cmdline"; } 2>/dev/null && text="${parts[*]}"
    words[$one]=${text:0:4000}
  done
}

freeze() {
  [[ ! $dry && ! ${stopped[$1]-} ]] || return 0
  same "$1" "$2" || return 0
  local was=$state
  kill -STOP "$1" 2>/dev/null || return 0
  if look "$1" && [[ $born != "$2" ]]; then  # its number went to another in between
    [[ $was == T ]] || kill -CONT "$1" 2>/dev/null
    return 0
  fi
  stopped[$1]=$2
}

thaw() {
  local one
  for one in "${!stopped[@]}"; do
    [[ ! ${killed[$one]-} ]] && same "$one" "${stopped[$one]}" && kill -CONT "$one" 2>/dev/null
  done
}
trap 'thaw; fail "stopped before the end; what was not killed goes on"' INT TERM HUP

# Whether one of this look belongs to the tree: by its parent, or by who leads its session. Both
# must be the very members: a number that a member had and another has now counts for nothing.
belongs() {
  local of
  for of in "${parents[$1]}" "${sessions[$1]}"; do
    [[ ${tree[$of]-} && ${tree[$of]} == "${births[$of]-}" ]] && return
  done
  return 1
}

take() {
  ((one != $$)) || { thaw; fail "this script belongs to the tree; nothing was killed"; }
  freeze "$1" "${births[$1]}"
  parent=${parents[$1]}
  remember "$1" "${births[$1]}"
  new=$((new + 1))
}

# One look at all processes: those of the tree that were not known are stopped and remembered. A
# quick one passes over who is known, and proves nothing: a number may have gone to another.
declare -A ghosts=() strangers=()
new=0 proof=''
sweep() {  # full|quick
  local one of again=1
  local -A parents=() sessions=() births=()
  local -a alive=()
  new=0 proof=1
  for one in /proc/[0-9]*; do
    one=${one#/proc/}
    [[ $1 == quick && ${strangers[$one]-}${ghosts[$one]-}${stopped[$one]-} ]] && continue
    if ! look "$one"; then
      [[ ${strangers[$one]-} ]] || proof=
      continue
    fi
    births[$one]=$born
    if [[ $state == [ZX] ]]; then
      [[ $born == "${strangers[$one]-${ghosts[$one]-}}" ]] || proof=
      ghosts[$one]=$born
      continue
    fi
    [[ $dry || $state == [Tt] || ${tree[$one]-} != "$born" ]] || proof=
    alive+=("$one")
    parents[$one]=$parent sessions[$one]=$leads
    [[ ${tree[$one]-} != "$born" ]] || continue
    for of in "$parent" "$leads"; do  # at once, for it may not live until the end of this look
      [[ ${stopped[$of]-} ]] && same "$of" "${stopped[$of]}" && { take "$one"; break; }
    done
  done
  while ((again)) && [[ $1 == full ]]; do
    again=0
    for one in "${alive[@]}"; do
      [[ ${tree[$one]-} != "${births[$one]}" ]] && belongs "$one" && take "$one" && again=1
    done
  done
  [[ $1 == quick ]] || strangers=()
  for one in "${alive[@]}"; do
    [[ ${tree[$one]-} ]] || strangers[$one]=${births[$one]}
  done
}

# Looks until nobody new is there.
gather() {
  local without=0 until=$((SECONDS + LIMIT))
  while ((SECONDS < until)); do
    sweep quick
    ((new)) && continue
    sweep full
    ((new == 0)) || { without=0; continue; }
    without=$((without + 1))
    [[ ! $proof ]] && ((without < MANY)) || return 0
  done
  return 1
}

quoted() {
  printf '%s' "$1" | od -An -v -tu1 -w1 | awk '
    { b[n++] = $1 + 0 }
    END {
      for (i = 0; i < n; i++) {
        c = b[i]
        if (c == 34 || c == 92) { printf "\\%c", c; continue }
        if (c >= 32 && c < 127) { printf "%c", c; continue }
        more = c >= 240 && c < 245 ? 3 : c >= 224 && c < 240 ? 2 : c >= 194 && c < 224 ? 1 : 0
        if (c < 128) { printf "\\u%04x", c; continue }
        u = more == 3 ? c - 240 : more == 2 ? c - 224 : c - 192
        good = more
        for (k = 1; k <= more; k++) {
          if (i + k >= n || b[i + k] < 128 || b[i + k] > 191) { good = 0; break }
          u = u * 64 + b[i + k] - 128
        }
        if (more == 2 && (u < 2048 || u >= 55296 && u <= 57343)) good = 0
        if (more == 3 && (u < 65536 || u > 1114111)) good = 0
        if (!good) { printf "\\\\x%02x", c; continue }
        i += more
        if (u < 65536) printf "\\u%04x", u
        else printf "\\u%04x\\u%04x", 55296 + int((u - 65536) / 1024), 56320 + (u - 65536) % 1024
      }
    }'
}

told() {
  local one=$1 what=$2
  if [[ $json ]]; then
    printf '{"pid":%s,"start":%s,"parent_id":%s,"name":"%s","command_line":"%s","what":"%s"}\n' \
      "$one" "${tree[$one]}" "${above[$one]}" "$(quoted "${name[$one]-}")" \
      "$(quoted "${words[$one]-}")" "$what"
  else
    printf '%s %s %q, started %s: %q\n' \
      "$what" "$one" "${name[$one]-}" "${tree[$one]}" "${words[$one]-}"
  fi
}

same "$pid" "$start" || absent "no process $pid that started at $start"
((pid > 2 && parent != 2)) || fail "process $pid is the system's own; nothing was touched"
one=$$
while ((one > 1)) && look "$one"; do
  ((one != pid)) || fail "this script runs below process $pid; nothing was touched"
  one=$parent
done

renice -n -15 -p $$ >/dev/null 2>&1  # a tree that forks all the time must be overtaken
freeze "$pid" "$start"
same "$pid" "$start" || absent "process $pid has just ended"
remember "$pid" "$start"
if ! gather; then
  thaw
  fail "the tree of process $pid grows faster than it can be stopped; nothing was killed"
fi

describe
if [[ $dry ]]; then
  for one in "${order[@]}"; do told "$one" 'would kill'; done
  [[ $json ]] || echo "${#order[@]} processes would be killed; nothing would undo it"
  exit 0
fi

left=()
for ((round = 0; SECONDS < LIMIT * 3; round++)); do
  for one in "${order[@]}"; do
    same "$one" "${tree[$one]}" || continue
    # STOP may still be on its way; who sleeps in the kernel never shows it.
    [[ $state == [Tt] ]] || ((round > 2)) || continue
    kill -KILL "$one" 2>/dev/null && killed[$one]=1 && unset "stopped[$one]"
  done
  gather
  left=()
  for one in "${order[@]}"; do
    same "$one" "${tree[$one]}" && left+=("$one")
  done
  ((${#left[@]})) || break
  ((round < 3)) || sleep 0.05
done

for one in "${order[@]}"; do
  if [[ ${killed[$one]-} ]]; then told "$one" killed; else told "$one" 'ended by itself'; fi
done
if ((${#left[@]})); then
  for one in "${left[@]}"; do
    look "$one" && echo "process $one is still there (state $state)" >&2
  done
  fail "the tree of process $pid is not empty"
fi
[[ $json ]] || echo "${#killed[@]} processes killed; nothing undoes it"
