# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts of this folder; they run in Dom0 with bash.
. /usr/lib/swiftvisor/testing.sh

# now: microseconds.
now() {
    echo "${EPOCHREALTIME/./}"
}

# bench NAME VALUE UNIT: one figure.
bench() {
    echo "BENCH $1 $2 $3"
}

# sample NAME VALUE DIVISOR UNIT: a whole number, divided with two decimals.
sample() {
    sample_text "$1" "$(awk "BEGIN { printf \"%.2f\", $2 / $3 }")" "$4"
}

# sample_text NAME VALUE UNIT: one of several measurements of the same.
sample_text() {
    case $2 in '' | *[!0-9.]*) fail "$1: \"$2\" is not a number" ;; esac
    echo "$2" >>"$WORK/samples-$1"
    echo "$3" >"$WORK/unit-$1"
}

# report NAME…: the median of each.
report() {
    for name in "$@"; do
        bench "$name" "$(sort -n "$WORK/samples-$name" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')" \
            "$(cat "$WORK/unit-$name")"
    done
}
