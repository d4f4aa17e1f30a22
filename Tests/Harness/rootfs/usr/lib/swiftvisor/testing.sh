# SPDX-License-Identifier: Apache-2.0
# For scripts that run in Dom0 and test it: `. /usr/lib/swiftvisor/testing.sh`.
# A failed expectation prints what was wanted and what was there, and ends the script with status 1.

export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LOGS=/var/log/swiftvisor
WORK=$(mktemp -d /tmp/test.XXXXXX)
touch "$WORK/start"

# say TEXT: a line of the transcript, with the seconds since Dom0's kernel started.
say() {
    read -r uptime _ </proc/uptime
    printf '[%7.2f s] %s\n' "$uptime" "$*"
}

# Ends the whole script, from a $(…) too: its text goes to the standard error, and the script's own shell is told.
trap 'exit 1' USR1
fail() {
    exec >&2
    say "FAILED: $*"
    for log in $(find "$LOGS" -name 'console-*.log' -newer "$WORK/start"); do
        [ -s "$log" ] && echo "--- end of $log" && tail -n 15 "$log"
    done
    [ -s "$LOGS/svd.log" ] && echo "--- end of $LOGS/svd.log" && tail -n 15 "$LOGS/svd.log"
    kill -USR1 $$
    exit 1
}

# until_true SECONDS WHAT COMMAND…: runs the command until it succeeds; fails with WHAT after that time.
until_true() {
    limit=$1 what=$2
    shift 2
    read -r now _ </proc/uptime
    deadline=$((${now%.*} + limit))
    until "$@" >/dev/null 2>&1; do
        read -r now _ </proc/uptime
        [ "${now%.*}" -lt "$deadline" ] || fail "not within $limit s: $what"
        usleep 50000
    done
}

# expect WHAT COMMAND…: the command must succeed.
expect() {
    what=$1
    shift
    output=$("$@" 2>&1) || fail "$what: status $? of: $*
$output"
}

# expect_equal WHAT WANTED ACTUAL
expect_equal() {
    [ "$2" = "$3" ] || fail "$1: wanted \"$2\", got \"$3\""
}

# expect_failure STATUS PATTERN COMMAND…: the command must end with that status and say something that matches.
expect_failure() {
    wanted=$1 pattern=$2
    shift 2
    output=$("$@" 2>&1)
    status=$?
    [ "$status" = "$wanted" ] || fail "wanted status $wanted, got $status, of: $*
$output"
    echo "$output" | tr '\n' ' ' | grep -q -i -E -- "$pattern" || fail "the message of: $*
does not match \"$pattern\": $output"
}

console_log() {
    echo "$LOGS/console-$1.log"
}

count_lines() {
    grep -c -E -- "$2" "$1" 2>/dev/null
}

# wait_console NAME SECONDS PATTERN [TIMES]: waits until the console log has that many lines with PATTERN.
wait_console() {
    log=$(console_log "$1")
    read -r now _ </proc/uptime
    deadline=$((${now%.*} + $2))
    until [ "$(count_lines "$log" "$3")" -ge "${4:-1}" ] 2>/dev/null; do
        read -r now _ </proc/uptime
        [ "${now%.*}" -lt "$deadline" ] || fail "console of $1 has no line with \"$3\" ${4:+($4 times) }after $2 s"
        usleep 50000
    done
}

# attach NAME: keeps `svctl console` attached, with a pipe as its input. Domains one at a time. What the console says goes
# to a file; the lines by which commands end come out of descriptor 8, so that nobody has to look at the file over and over.
attach() {
    mkfifo "$WORK/console-$1" "$WORK/console-$1.raw" "$WORK/console-$1.copy" "$WORK/console-$1.ends"
    exec 9<>"$WORK/console-$1" 8<>"$WORK/console-$1.ends"
    # The file comes first: when an end is told of, all before it can be read there.
    tee "$WORK/console-$1.copy" <"$WORK/console-$1.raw" >"$WORK/console-$1.out" &
    awk '/^SV-DONE-[0-9]+-/ { gsub(/\r/, ""); print; fflush() }' <"$WORK/console-$1.copy" >&8 &
    svctl console "$1" <"$WORK/console-$1" >"$WORK/console-$1.raw" 2>&1 &
    attached=$!
    # What is typed before the shell reads is lost: its prompt must stand at the end.
    at_prompt() { tail -c 30 "$WORK/console-$1.out" | grep -q 'domu:.*#'; }
    until_true 60 "$1's shell prompts" at_prompt "$1"
}

detach() {
    kill "$attached" 2>/dev/null
    wait "$attached" 2>/dev/null
    exec 9>&- 8>&-
    rm -f "$WORK"/console-*
}

# in_domu NAME SECONDS COMMAND: types a command into the attached console, waits until it ended, prints its output.
# The mark is typed in two parts so that the echo of what was typed is not taken for it.
in_domu() {
    # Counted in a file: this runs in the subshell of a $(…) too.
    typed=$(($(cat "$WORK/typed" 2>/dev/null) + 1))
    echo "$typed" >"$WORK/typed"
    out="$WORK/console-$1.out"
    printf "echo SV-START''-%d; %s; echo SV-DONE''-%d-\$?\n" "$typed" "$3" "$typed" >&9
    ended=""
    until [ "$ended" = "SV-DONE-$typed" ]; do
        # An end of an earlier command that took longer than its limit is passed over.
        answer=$(timeout "$2" head -n 1 <&8) || fail "no end of \"$3\" in $1 after $2 s; its console:
$(tail -n 20 "$out")"
        ended=${answer%-*}
    done
    tr -d '\r' <"$out" | sed -n "/^SV-START-$typed\$/,/^SV-DONE-$typed-/p" | sed '1d;$d'
    return "${answer##*-}"
}

# domid NAME: the domain's number, or nothing.
domid() {
    svctl domid "$1" 2>/dev/null
}

is_gone() {
    [ -z "$(domid "$1")" ]
}

# make_config NAME [LINE…]: writes a configuration for a small DomU, prints its path. Later lines replace earlier keys
# only if the key is not one of these: name, type, kernel, ramdisk, memory, vcpus, cmdline.
make_config() {
    config="$WORK/$1.cfg"
    cat >"$config" <<END
name = "$1"
type = "pvh"
kernel = "/boot/vmlinuz-cloud"
ramdisk = "/boot/domu-initrd"
memory = ${MEMORY:-128}
vcpus = 1
cmdline = "console=hvc0 quiet ${CMDLINE:-}"
END
    shift
    for line in "$@"; do echo "$line" >>"$config"; done
    echo "$config"
}

# make_disk NAME MIB: a raw image, prints its path.
make_disk() {
    truncate -s "$2M" "/var/lib/swiftvisor/images/$1.img"
    echo "/var/lib/swiftvisor/images/$1.img"
}

# svback_of [DOMID]: the number of the process svback that serves the domain, or any; nothing if there is none.
svback_of() {
    for process in $(pidof svback); do
        case $(tr '\0' ' ' 2>/dev/null <"/proc/$process/cmdline") in
            *"${1:+ $1 }") echo "$process" ;;
        esac
    done 2>/dev/null
}

# free_bytes: memory that no domain has, as the hypervisor counts it.
free_bytes() {
    svctl info --json | sed -n "s/.*\"free_memory_bytes\"[^0-9]*\([0-9]*\).*/\1/p"
}

# nothing_left NAME DOMID: no domain, store entry, backend process or tap of that domain is left.
nothing_left() {
    until_true 20 "domain $1 leaves the list" is_gone "$1"
    if xenstore-exists "/local/domain/$2" 2>/dev/null; then
        fail "the store still has /local/domain/$2: $(xenstore-ls "/local/domain/$2")"
    fi
    for kind in vbd vif; do
        if xenstore-exists "/local/domain/0/backend/$kind/$2" 2>/dev/null; then
            fail "the store still has /local/domain/0/backend/$kind/$2"
        fi
    done
    no_backend() { [ -z "$(svback_of "$2")" ] && ! ls -d "/sys/class/net/vif$2."*; }
    until_true 10 "svback and taps of domain $2 end" no_backend "$1" "$2"
}
