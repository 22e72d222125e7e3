# What the scripts of this adapter share; sourced by bash, never run. The environment is that of swarmbench's exec
# contract (SB_NODE, SB_DIR, …).
# shellcheck shell=bash disable=SC2034

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../.." && pwd)
shoal=${SHOAL:-$repository/.build/release/shoal}
state=$SB_DIR/state             # each node has its own
keys=$(dirname "$SB_DIR")/keys  # only node 0 uses it; never below a state folder
tokens=$(dirname "$SB_DIR")/tokens
readonly repository shoal state keys tokens
readonly port=7447

fail() {
    echo "shoal adapter, node $SB_NODE: $1" >&2
    exit 1
}

[[ -x $shoal ]] || fail "there is no $shoal; run 'swift build -c release --static-swift-stdlib', or name the binary in SHOAL"

# until_true COMMAND...: runs a command until it succeeds, for a minute or two. Ever more rarely: a hundred nodes do so.
until_true() {
    local pause
    for pause in 0.1 0.1 0.2 0.3 0.5 0.8 1 1 1 2 2 2 $(seq 50 | sed 's/.*/2/'); do
        "$@" 2>/dev/null && return
        sleep "$pause"
    done
    fail "gave up waiting for: $*"
}

# field NAME: prints a text field of the JSON object on standard input.
field() {
    sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p' | sed 's,\\/,/,g' | head -n 1
}
