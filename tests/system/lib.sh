# shellcheck shell=bash
# Namespaces, processes, waiting, and saying what came of it.

# --- namespaces -------------------------------------------------------------------------------

# host NAME: a namespace.
host() {
    ip netns add "$1"
    ip -n "$1" link set lo up
}

# plug NAME BRIDGE ADDRESS...: a cable from a namespace to a bridge. In the namespace the link is
# called like the bridge; at the bridge it is NAME.BRIDGE.
plug() {
    local name=$1 bridge=$2 address
    shift 2
    ip link add "$name.$bridge" type veth peer name "$bridge" netns "$name"
    ip link set "$name.$bridge" master "$bridge" up
    ip -n "$name" link set "$bridge" up
    for address in "$@"; do
        # Without duplicate address detection, an IPv6 address is usable at once.
        case $address in
        *:*) ip -n "$name" address add "$address/128" dev "$bridge" nodad ;;
        *) ip -n "$name" address add "$address/32" dev "$bridge" ;;
        esac
    done
}

# everything_is_on NAME LINK: all addresses are neighbours on that link; there are no routers here.
everything_is_on() {
    ip -n "$1" route add default dev "$2"
    ip -n "$1" -6 route add default dev "$2"
}

cut_cable() { ip link set "$1.$2" down; }
mend_cable() { ip link set "$1.$2" up; }

# --- processes --------------------------------------------------------------------------------

declare -A PIDS=()

# start NAME NAMESPACE COMMAND...: in the background; what it says goes to $WORK/NAME.log.
start() {
    local name=$1 namespace=$2
    shift 2
    ip netns exec "$namespace" "$@" >>"$WORK/$name.log" 2>&1 &
    PIDS[$name]=$!
}

# send NAME SIGNAL
send() { kill -s "$2" "${PIDS[$1]}"; }

# reap NAME: waits for a process that is ending; its exit status. Bash would say "Killed".
reap() {
    local pid=${PIDS[$1]}
    unset "PIDS[$1]"
    { wait "$pid"; } 2>/dev/null
}

# stop NAME SIGNAL: ends a process, if it runs, and waits for its end.
stop() {
    [ -n "${PIDS[$1]:-}" ] || return 0
    send "$1" "$2" 2>/dev/null
    reap "$1"
    return 0
}

runs() { [ -n "${PIDS[$1]:-}" ] && kill -0 "${PIDS[$1]}" 2>/dev/null; }
ended() { ! runs "$1"; }

# --- checks -----------------------------------------------------------------------------------

PASSED=0
FAILED=0

ok() {
    PASSED=$((PASSED + 1))
    echo "ok   $1"
}

# fail WHAT: the evidence is what the last command said. Fails itself, as the check did.
fail() {
    FAILED=$((FAILED + 1))
    echo "FAIL $1"
    head -c 2000 "$WORK/evidence" | sed 's/^/       /'
    [ ! -s "$WORK/meridian.log" ] || tail -n 5 "$WORK/meridian.log" | cut -c 1-300 | sed 's/^/       log: /'
    return 1
}

# poll SECONDS COMMAND...: until the command succeeds, or the time is over.
poll() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >"$WORK/evidence" 2>&1; do
        ((SECONDS < deadline && SECONDS < BUDGET_SECONDS)) || return 1
        sleep 0.2
    done
}

# needs TOOL...: what not every machine has that runs these tests; where one is missing, the scenario is
# skipped, or fails with CI=true.
needs() {
    local tool
    for tool in "$@"; do
        case $tool in
        dnspython) /usr/bin/python3 -c 'import dns' 2>"$WORK/evidence" && continue ;;
        *) command -v "$tool" >/dev/null && continue ;;
        esac
        [ "${CI:-}" != true ] || fail "$tool is installed"
        echo "skipped: no $tool"
        return 1
    done
}

# check WHAT COMMAND...: holds now.
check() {
    local what=$1
    shift
    if poll 0 "$@"; then ok "$what"; else fail "$what"; fi
}

# eventually WHAT COMMAND...: holds soon. The bound says "it works", not "it is fast": the machine
# may be busy with other things.
eventually() {
    local what=$1
    shift
    if poll 20 "$@"; then ok "$what"; else fail "$what"; fi
}

# steadily SECONDS WHAT COMMAND...: holds each time that it is asked in that time.
steadily() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    while ((SECONDS < deadline)); do
        poll 0 "$@" || {
            fail "$what"
            return
        }
        sleep 0.2
    done
    ok "$what"
}

# is EXPECTED COMMAND...: the command says exactly that.
is() {
    local expected=$1 said
    shift
    said=$("$@" 2>&1)
    [ "$said" = "$expected" ] || {
        printf 'expected: %s\nfound:    %s\n' "$expected" "$said"
        return 1
    }
}

# says PATTERN COMMAND...: the command says something that matches (extended regular expression).
says() {
    local pattern=$1 said
    shift
    said=$("$@" 2>&1)
    grep -Eq -- "$pattern" <<<"$said" || {
        printf 'expected: something like %s\nfound:    %s\n' "$pattern" "$said"
        return 1
    }
}
