#!/bin/bash
# Lists what starts by itself on a Linux system: systemd, cron, at, rc, profiles, keys, preload,
# udev, modules, PAM, generators, XDG. Changes nothing and makes no file.
#
#   persistence-triage.sh [-d DAYS] [-a] [-r ROOT] [-j]
#
#   -d DAYS  only what was written or changed in so many days
#   -a       what is exactly as a package brought it too, and skeleton files in homes
#   -r ROOT  the system that is mounted there, not the running one
#   -j       one JSON object per line
#
# Status: 0 done, 1 a place could not be read (each is named), 2 wrong parameters, 3 nothing found.
#
# 1. Nothing is asked of systemctl, crontab or the like: files are read, so what their programs
#    would hide is here, and no translated text is parsed.
# 2. Homes are those of /etc/passwd and of /home, taken as text, never given to a shell. A home on
#    a file system that may hang (nfs, cifs, fuse, autofs) is left out, and said.
# 3. Without -a an entry is left out only if a package owns its file and the content is what the
#    package brought, by digest. Where neither dpkg nor rpm is, everything is listed.

export LC_ALL=C
set -u -o pipefail
shopt -s nullglob dotglob
exec </dev/null

MOST=2000  # bytes of a value; the file has the rest

usage() {
  echo "wrong parameters: $1; persistence-triage.sh [-d DAYS] [-a] [-r ROOT] [-j]" >&2
  exit 2
}

days='' all='' R='' json=''
while getopts :d:ar:j option; do
  case $option in
    d) days=$OPTARG ;;
    a) all=1 ;;
    r) R=$OPTARG ;;
    j) json=1 ;;
    :) usage "-$OPTARG needs a value" ;;
    *) usage "-$OPTARG is not known" ;;
  esac
done
shift $((OPTIND - 1))
(($# == 0)) || usage "'$1' is too much"
[[ ! $days || $days =~ ^[0-9]{1,5}$ ]] || usage '-d takes a number of days'
[[ ! $R || $R == /* && -d $R ]] || usage '-r takes the whole path of a folder'
R=${R%/}

unread=0
unreadable() { echo "not read: $1: $2" >&2; unread=1; }

# What was found: place, user and value of each entry, and its file.
places=() users=() values=() files=()

found() {  # PLACE FILE VALUE [USER]
  places+=("$1") files+=("$2") values+=("${3:0:MOST}") users+=("${4:-root}")
}

# The lines of a file that say something and match; comments are # and ;.
lines() {  # FILE [PATTERN]
  grep -avE '^[[:space:]]*([#;]|$)' -- "$1" 2>/dev/null | grep -aE -- "${2:-.}" | head -n 200 |
    tr -d '\0'
}

readable() {  # FILE: a plain file that can be read; says so if it is there and cannot
  [[ -f $1 ]] || return 1
  [[ -r $1 ]] || { unreadable "$1" 'permission denied'; return 1; }
}

folder() {  # FOLDER: a folder that can be listed
  [[ -d $1 ]] || return 1
  [[ -r $1 && -x $1 ]] || { unreadable "$1" 'permission denied'; return 1; }
}

entries() {  # lines|files|matching PLACE USER PATTERN FILE...
  local how=$1 place=$2 user=$3 pattern=$4 file text line
  shift 4
  for file; do
    readable "$file" || continue
    text=$(lines "$file" "$pattern")
    if [[ $how == lines && $text ]]; then
      while IFS= read -r line; do found "$place" "$file" "$line" "$user"; done <<<"$text"
    elif [[ $how == files || $how == matching && $text ]]; then
      found "$place" "$file" "$text" "$user"
    fi
  done
}
each_line() { entries lines "$@"; }     # an entry for each line
each_file() { entries files "$@"; }     # an entry for each file, with its lines that match
matching() { entries matching "$@"; }   # the same, without files that have no such line

script() {  # FILE: the first lines of a script, nothing of a program
  local head=''
  IFS= read -r -n 2 head <"$1"
  [[ $head != '#!' ]] || lines "$1" | head -n 5
}

programs() {  # PLACE FILE...: files that are started themselves
  local place=$1 file
  shift
  for file; do
    readable "$file" && found "$place" "$file" "$(script "$file")"
  done
}

DESKTOP='^(Exec|TryExec|Hidden|OnlyShowIn)='
HOOKS='(RUN|PROGRAM|IMPORT[{]program[}]|SYSTEMD_WANTS)'
PROBES='^[[:space:]]*(install|remove|options)[[:space:]]'
SSHD='^[[:space:]]*(AuthorizedKeys|AuthorizedPrincipals|TrustedUserCAKeys|ForceCommand|PermitUser)'
UNIT='^[[:space:]]*(Exec[A-Za-z]*|On[A-Z][A-Za-z]*|Listen[A-Za-z]*|Path[A-Z][A-Za-z]*'
UNIT+='|DirectoryNotEmpty|Unit|User|EnvironmentFile|Environment|BusName|WantedBy|Alias)[[:space:]]*='

# Whether a link leads into a folder of units: what it leads to stands there itself.
in_place() {
  [[ $(readlink -f -- "$1") == "$R"/@(etc|run|lib|usr/lib|usr/local/lib)/systemd/@(system|user)/* ]]
}

units() {  # PLACE USER FOLDER...
  local place=$1 user=$2 folder file target
  shift 2
  for folder; do
    folder "$folder" || continue
    for file in "$folder"/*.{service,socket,timer,path,mount,automount,swap,target,d/*.conf}; do
      if [[ -L $file ]]; then
        target=$(readlink -- "$file")
        [[ $target == /dev/null ]] || in_place "$file" ||
          found "$place" "$file" "link to $target" "$user"
      else
        each_file "$place" "$user" "$UNIT" "$file"
      fi
    done
    for file in "$folder"/*.{wants,requires,upholds}/*; do
      [[ -L $file ]] || continue
      in_place "$file" || found "$place" "$file" "link to $(readlink -- "$file")" "$user"
    done
  done
}

systemd() {
  local kind folder
  for folder in "$R"/{etc,run,usr/local/lib,usr/lib,lib}; do
    [[ -L $folder ]] && continue
    for kind in system user; do
      units "systemd $kind" root "$folder/systemd/$kind"
      programs generator "$folder/systemd/$kind"{,-environment}-generators/*
    done
    programs 'sleep hook' "$folder/systemd"/system-{sleep,shutdown}/*
  done
  units 'systemd system' root "$R"/etc/systemd/system.control \
    "$R"/run/systemd/{transient,generator,generator.early,generator.late}
}

cron() {
  local file spool=$R/var/spool
  each_line cron root . "$R"/etc/{crontab,anacrontab,cron.d/*}
  programs cron "$R"/etc/cron.{hourly,daily,weekly,monthly,yearly}/*
  for file in "$spool"/{cron,cron/crontabs,cron/tabs,cron/atjobs,at}; do folder "$file"; done
  for file in "$spool"/cron/{crontabs,tabs}/* "$spool"/cron/*; do
    each_line cron "${file##*/}" . "$file"
  done
  for file in "$spool"/{cron/atjobs,at}/*; do
    readable "$file" && found at "$file" "$(lines "$file" | tail -n 5)" "$(stat -c %U -- "$file")"
  done
}

rc() {
  programs rc "$R"/etc/{rc.local,rc.d/rc.local,init.d/*,rc.d/init.d/*}
  each_line rc root . "$R"/etc/{inittab,inetd.conf}
  each_file rc root . "$R"/etc/{init/*.conf,xinetd.d/*}
  programs 'network hook' "$R"{/etc,/usr/lib}/NetworkManager/dispatcher.d/* \
    "$R"/etc/{network/if-*.d/*,dhcp/dhclient-*-hooks.d/*,ppp/ip-*.d/*,networkd-dispatcher/*.d/*}
  programs motd "$R"/etc/update-motd.d/*
  programs 'sleep hook' "$R"/etc/{pm/sleep.d/*,acpi/*.sh}
  matching 'package hook' root '(Invoke|Pre-|Post-)' "$R"/etc/apt/{apt.conf,apt.conf.d/*}
  each_file 'package hook' root . "$R"/etc/{yum/pluginconf.d/*,dnf/plugins/*.conf}
  each_file logrotate root '^[[:space:]]*[^#]*[/$]' "$R"/etc/{logrotate.conf,logrotate.d/*}
  each_line sudo root . "$R"/etc/{sudoers,sudoers.d/*}
}

settings() {
  each_file profile root . \
    "$R"/etc/{profile,profile.d/*,bash.bashrc,bashrc,bash.bash_logout,zsh/*,zshenv,zshrc,zprofile} \
    "$R"/etc/{fish/config.fish,fish/conf.d/*,environment,environment.d/*,ssh/sshrc,skel/.*}
  each_line preload root . "$R"/etc/ld.so.preload
  each_line 'library path' root . "$R"/etc/{ld.so.conf,ld.so.conf.d/*}
  each_file xdg root "$DESKTOP" "$R"/{etc/xdg,usr/share/gnome}/autostart/*.desktop
  matching keys root "$SSHD" "$R"/etc/ssh/{sshd_config,sshd_config.d/*}
}

udev() {
  local folder
  for folder in "$R"/{etc,run,usr/lib,lib}; do
    [[ -L $folder ]] ||
      matching udev root "$HOOKS" "$folder"/udev/rules.d/*
  done
}

modules() {
  local name flags
  each_line module root . "$R"/etc/modules "$R"/{etc,run,usr/lib}/modules-load.d/*
  matching module root "$PROBES" "$R"/{etc,run,usr/lib}/modprobe.d/*
  [[ ! $R && -r /proc/modules ]] || return
  while read -r name _ _ _ _ _ flags; do
    [[ ! $flags ]] || found module /proc/modules "$name is loaded, $flags"
  done </proc/modules
}

pam() {
  local folder
  matching pam root '(pam_(exec|python|script)|[[:space:]]/)' "$R"/etc/{pam.conf,pam.d/*}
  for folder in "$R"/{usr/,}lib{,32,64}; do
    [[ -L $folder ]] || programs 'pam module' "$folder"/{,*-linux-*/}security/*.so
  done
}

# Hooks of repositories, a few folders deep; git's own samples do not start.
hooks() {
  local file
  while IFS= read -r -d '' file; do
    [[ $file == *.sample ]] || programs 'git hook' "$file"
  done < <(timeout 60 find "$@" -maxdepth 7 -xdev -path '*/hooks/*' -type f -perm /111 \
    \( -path '*/.git/hooks/*' -o -path '*.git/hooks/*' \) -print0 2>/dev/null)
}

may_hang() {  # FOLDER
  local point kind
  while read -r _ point kind _; do
    point=$(printf '%b' "${point//\\/\\0}")
    [[ $point != / && $1/ == "$point"/* ]] || continue
    [[ $kind =~ ^(nfs|cifs|smb|fuse|autofs|9p|ceph|glusterfs|afs) ]] && return
  done </proc/self/mounts
  return 1
}

homes() {
  local user home one
  local -A seen=()
  while IFS=: read -r user _ _ _ _ home _; do
    [[ $home == /?* && ! ${seen[$R$home]-} ]] || continue
    seen[$R$home]=1
    of_home "$user" "$R$home"
  done < <([[ ! -f $R/etc/passwd ]] || cat -- "$R"/etc/passwd)
  for one in "$R"/root "$R"/home/*; do
    [[ ${seen[$one]-} ]] || of_home "${one##*/}" "$one"
  done
}

of_home() {  # USER HOME
  local user=$1 home=${2%/}
  if may_hang "$home"; then
    unreadable "$home" 'it is on a file system that may hang'
    return
  fi
  folder "$home" || return
  each_file profile "$user" . \
    "$home"/.{bashrc,bash_profile,bash_login,profile,bash_logout,bash_aliases,kshrc,login} \
    "$home"/.{zshrc,zshenv,zprofile,zlogin,zlogout,cshrc,tcshrc,pam_environment} \
    "$home"/.{xprofile,xsession,xsessionrc,xinitrc,ssh/rc,ssh/environment} \
    "$home"/.config/{fish/config.fish,fish/conf.d/*,environment.d/*}
  each_line keys "$user" . "$home"/.ssh/authorized_keys{,2}
  units 'systemd user' "$user" "$home"/{.config,.local/share}/systemd/user
  each_file xdg "$user" "$DESKTOP" "$home"/.config/autostart/*.desktop
  each_file xdg "$user" . "$home"/.config/{autostart-scripts,plasma-workspace/env}/*
  [[ $user != root && $home != "$R"/home/* ]] || hooks "$home"
}

# Who brought each file, and whether it still is as it was brought.
declare -A owner=() brought=() digest=() facts=()

# /lib and /usr/lib are one folder on a merged system, and packages name either.
CANON='function canon(p) { return p ~ "^/usr/(lib|lib32|lib64|bin|sbin)/" ? substr(p, 5) : p }'

of_dpkg() {
  local name path sum
  while IFS=$'\t' read -r name path; do owner[$path]=$name; done < <(
    awk "$CANON"' NR == FNR { want[canon($0)] = want[canon($0)] "\n" $0; next }
      (k = canon($0)) in want {
        name = FILENAME; sub(".*/", "", name); sub("[.]list$", "", name); sub(":.*", "", name)
        n = split(substr(want[k], 2), p, "\n"); for (i = 1; i <= n; i++) print name "\t" p[i]
      }' <(wanted) "$R"/var/lib/dpkg/info/*.list)
  while IFS=$'\t' read -r sum path; do brought[$path]=$sum; done < <(
    awk "$CANON"' NR == FNR { want[canon($0)] = want[canon($0)] "\n" $0; next }
      {
        # "SUM  usr/lib/x" of a package; " /etc/x SUM" of a configuration file.
        if (FILENAME ~ /md5sums$/) { sum = $1; path = "/" substr($0, 35) }
        else if (/^ \//) { sum = $2; path = $1 }
        else next
      }
      (k = canon(path)) in want {
        n = split(substr(want[k], 2), p, "\n"); for (i = 1; i <= n; i++) print sum "\t" p[i]
      }' <(wanted) "$R"/var/lib/dpkg/info/*.md5sums "$R"/var/lib/dpkg/status)
}

of_rpm() {
  local name sum path
  while IFS=$'\t' read -r name sum path; do
    owner[$path]=$name brought[$path]=$sum
  done < <(timeout 120 rpm ${R:+--root "$R"} -qa --qf '[%{=NAME}\t%{FILEDIGESTS}\t%{FILENAMES}\n]' |
    awk -F'\t' "$CANON"' NR == FNR { want[canon($0)] = $0; next }
      canon($3) in want { print $1 "\t" $2 "\t" want[canon($3)] }' <(wanted) -)
}

wanted() { printf '%s\n' "${files[@]#"$R"}" | sort -u; }

digests() {  # PROGRAM FILE...: into digest[PROGRAM FILE]
  local program=$1 sum path
  shift
  while IFS=' ' read -r -d '' sum path; do digest[$program ${path#\*}]=$sum; done < <(
    printf '%s\0' "$@" | xargs -0 -r "$program" -z -- 2>/dev/null)
}

packages() {
  local path
  local -a unique=()
  local -A seen=()
  for path in "${files[@]}"; do
    [[ ${seen[$path]-} ]] || { seen[$path]=1; unique+=("$path"); }
  done
  while IFS=$'\t' read -r -d '' stamp path; do facts[$path]=$stamp; done < <(
    printf '%s\0' "${unique[@]}" | xargs -0 -r stat --printf '%Y %Z %u %a\t%n\0' -- 2>/dev/null)
  digests sha256sum "${unique[@]}"
  digests md5sum "${unique[@]}"
  if [[ -s $R/var/lib/dpkg/status ]]; then
    of_dpkg
  elif command -v rpm >/dev/null; then
    of_rpm
  else
    echo 'neither dpkg nor rpm is here: which package a file belongs to is not known' >&2
  fi
}

as_brought() {  # FILE: into `same`: yes, no, or nothing where it is not known
  local file=$1 sum=${brought[${1#"$R"}]-} skeleton=$R/etc/skel/${1##*/} ours
  same=
  if [[ ${owner[${file#"$R"}]-} ]]; then
    case ${#sum} in
      32) ours=${digest[md5sum $file]-} ;;
      64) ours=${digest[sha256sum $file]-} ;;
      *) return ;;
    esac
    if [[ $sum == "$ours" ]]; then same=yes; else same=no; fi
  elif [[ $file == */.* && $file != "$skeleton" && -f $skeleton ]]; then
    cmp -s -- "$file" "$skeleton" && same=yes
  fi
}

# Records come as eight fields that each end with NUL, as numbers of bytes (awk's of the field
# cannot hold every byte), and go out as a line of JSON or of text.
written() {
  od -An -v -tu1 -w1 | awk -v json="$json" '
    BEGIN {
      split("place path user modified package as_brought sha256 value", name, " ")
      at = 1; size = 0
    }
    function text(  i, k, c, more, u, good, s) {
      s = ""; clean = 1
      for (i = 0; i < size; i++) {
        c = b[i]
        if (json && (c == 34 || c == 92)) { s = s "\\" sprintf("%c", c); continue }
        if (c >= 32 && c < 127) { s = s sprintf("%c", c); continue }
        if (c < 128) {
          clean = 0
          if (json) s = s sprintf("\\u%04x", c)
          else s = s (c == 10 ? "; " : c == 9 ? " " : sprintf("\\x%02x", c))
          continue
        }
        more = c >= 240 && c < 245 ? 3 : c >= 224 && c < 240 ? 2 : c >= 194 && c < 224 ? 1 : 0
        good = more; u = more == 3 ? c - 240 : more == 2 ? c - 224 : c - 192
        for (k = 1; k <= more; k++) {
          if (i + k >= size || b[i + k] < 128 || b[i + k] > 191) { good = 0; break }
          u = u * 64 + b[i + k] - 128
        }
        if (more == 2 && (u < 2048 || u >= 55296 && u <= 57343)) good = 0
        if (more == 3 && (u < 65536 || u > 1114111)) good = 0
        if (!good) { clean = 0; s = s (json ? "\\" : "") sprintf("\\x%02x", c); continue }
        i += more
        if (!json) s = s sprintf("\\u{%x}", u)
        else if (u < 65536) s = s sprintf("\\u%04x", u)
        else {
          u -= 65536
          s = s sprintf("\\u%04x\\u%04x", 55296 + int(u / 1024), 56320 + u % 1024)
        }
      }
      return s
    }
    function raw(  i, c, s) {
      s = "raw:"
      for (i = 0; i < size; i++) {
        c = sprintf("%c", b[i])
        s = s (b[i] < 128 && c ~ /[A-Za-z0-9._\/-]/ ? c : sprintf("%%%02X", b[i]))
      }
      return s
    }
    $1 != 0 { b[size++] = $1 + 0; next }
    {
      value = text()
      if (json) {
        if (name[at] ~ /package|as_brought|sha256/ && value == "") value = "null"
        else if (name[at] == "as_brought") value = value == "yes" ? "true" : "false"
        else value = "\"" value "\""
        line = line (at > 1 ? "," : "") "\"" name[at] "\":" value
        if (name[at] == "path" && !clean) line = line ",\"path_raw\":\"" raw() "\""
      } else {
        if (name[at] == "as_brought") value = value == "no" ? "CHANGED" : ""
        if (name[at] == "sha256") value = ""
        if (value != "") line = line (line == "" ? "" : "  ") value
      }
      size = 0
      if (at++ == 8) { print (json ? "{" line "}" : line); line = ""; at = 1 }
    }'
}

systemd; cron; rc; settings; udev; modules; pam; homes
hooks "$R"/{srv,opt,var/www}
((EUID == 0)) || [[ $R ]] || unreadable 'what only root can read' 'this does not run as root'
shown=()
if ((${#files[@]})); then
  packages
  export TZ=UTC0
  printf -v now '%(%s)T' -1
  for i in "${!files[@]}"; do
    file=${files[i]}
    read -r modified changed _ <<<"${facts[$file]-}"
    # The later of the two: a file's own time is easily set back, that of its change is not.
    since=$((now - ${days:-0} * 86400))
    [[ ! $days ]] || ((${changed:-$now} >= since || ${modified:-$now} >= since)) || continue
    as_brought "$file"
    [[ $all || $same != yes ]] || continue
    stamp=
    [[ ! $modified ]] || printf -v stamp '%(%Y-%m-%dT%H:%M:%SZ)T' "$modified"
    shown+=("${places[i]}" "$file" "${users[i]}" "$stamp" "${owner[${file#"$R"}]-}" \
      "$same" "${digest[sha256sum $file]-}" "${values[i]}")
  done
fi
((${#shown[@]} == 0)) || printf '%s\0' "${shown[@]}" | written || exit 1
((unread == 0)) || exit 1
((${#shown[@]})) || { echo 'nothing found' >&2; exit 3; }
