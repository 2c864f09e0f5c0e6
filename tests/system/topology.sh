# shellcheck shell=bash disable=SC2034
# The world of the tests.
#
#   bridge dns                                     bridge web
#   ----------                                     ----------
#   client-eu  193.0.0.10   fd00::e                web-eu1  192.0.2.11
#   client-us  8.8.8.10     fd00::a                web-eu2  192.0.2.12
#   client-ap  203.119.0.10                        web-us1  198.51.100.11
#   resolver   192.0.2.9           (unbound)       web-us2  198.51.100.12
#   parent     192.0.2.1  192.0.2.2  (nsd)         web-ap1  203.0.113.11
#   meridian   192.0.2.53  198.51.100.53           web-ap2  203.0.113.12
#              fd00::53  fd00::5353                meridian 192.0.2.3
#
# The parent serves the root (192.0.2.1) and example.com (192.0.2.2), and delegates
# gslb.example.com as the README shows. Networks of clients are those of geoip/sample.mmdb.

FILES=$SYSTEM_TESTS/files
RESOLVER=192.0.2.9
PARENT=192.0.2.2
NS1=192.0.2.53
NS2=198.51.100.53
NS1_V6=fd00::53
NS2_V6=fd00::5353

WEB=(web-eu1 web-eu2 web-us1 web-us2 web-ap1 web-ap2)
EU1=192.0.2.11 EU2=192.0.2.12
US1=198.51.100.11 US2=198.51.100.12
AP1=203.0.113.11 AP2=203.0.113.12
EU="$EU1 $EU2" US="$US1 $US2" AP="$AP1 $AP2"

EU_NET=193.0.0.0/24
US_NET=8.8.8.0/24
AP_NET=203.119.0.0/24

# --- building ---------------------------------------------------------------------------------

build_topology() {
    mount -t tmpfs tmpfs "$(made /run/netns)"
    mkdir "$WORK/state" "$WORK/geo"
    # Where servers enter themselves in the list of those that run.
    export XDG_RUNTIME_DIR=$WORK
    # dig +trace asks the machine's resolver for nameservers' addresses.
    overlay /etc/resolv.conf "nameserver $RESOLVER"
    overlay /etc/nsswitch.conf "hosts: dns"
    # A copy, since some systems confine the packaged one to its own folders by its path.
    cp "$(command -v unbound)" "$WORK/unbound"
    sed "s|@WORK@|$WORK|g; s|@FILES@|$FILES|g" "$FILES/unbound.conf" >"$WORK/unbound.conf"
    sed "s|@WORK@|$WORK|g; s|@FILES@|$FILES|g" "$FILES/nsd.conf" >"$WORK/nsd.conf"

    ip link set lo up
    ip link add dns type bridge && ip link set dns up
    ip link add web type bridge && ip link set web up
    asker client-eu 193.0.0.10 193.0.0.77 fd00::e
    asker client-us 8.8.8.10 fd00::a
    asker client-ap 203.119.0.10
    asker resolver "$RESOLVER"
    asker parent 192.0.2.1 "$PARENT"
    asker meridian "$NS1" "$NS2" "$NS1_V6" "$NS2_V6"
    plug meridian web 192.0.2.3
    web_server web-eu1 $EU1 && web_server web-eu2 $EU2
    web_server web-us1 $US1 && web_server web-us2 $US2
    web_server web-ap1 $AP1 && web_server web-ap2 $AP2

    start parent parent nsd -d -c "$WORK/nsd.conf"
    restore_topology
    eventually "the parent nameserver is there" \
        is "ns.example.com." ask client-eu "$PARENT" example.com NS
}

made() { mkdir -p "$1" && echo "$1"; }

# overlay FILE TEXT: what a file of the machine says to the processes of the tests.
overlay() {
    local replacement
    replacement=$WORK/$(basename "$1")
    echo "$2" >"$replacement"
    mount --bind "$replacement" "$(realpath "$1")"
}

# asker NAME ADDRESS...: a host among the clients and nameservers.
asker() {
    local name=$1
    shift
    host "$name"
    plug "$name" dns "$@"
    everything_is_on "$name" dns
}

# web_server NAME ADDRESS: a host that Meridian reaches by its second link.
web_server() {
    host "$1"
    plug "$1" web "$2"
    everything_is_on "$1" web
    ip -n meridian route add "$2" dev web src 192.0.2.3
}

# What the scenario before broke is whole again; the files are the original ones.
restore_topology() {
    local name
    mend_cable meridian web
    for name in "${WEB[@]}"; do revive "$name"; done
    # shellcheck disable=SC2086 # lists
    poll 20 web_servers_answer $EU $US $AP || fail "the web servers are there"
    rm -rf "$WORK/state/"* "$WORK/geo/"*
    cp "$FILES/meridian.toml" "$FILES/gslb.example.com.zone" "$WORK/"
    cp "$REPOSITORY/geoip/sample.mmdb" "$FILES/feed.csv" "$WORK/geo/"
    sed -i "s|@STATE@|$WORK/state|" "$WORK/meridian.toml"
}

# --- web servers ------------------------------------------------------------------------------

# revive NAME: it runs, and answers.
revive() {
    mend_cable "$1" web
    if runs "$1"; then send "$1" CONT; else start "$1" "$1" python3 "$FILES/web_server.py" 8080 8081; fi
}

# web_servers_answer ADDRESS...: all of them, to Meridian.
web_servers_answer() {
    ip netns exec meridian curl -fsS --fail-early --max-time 1 "${@/%/:8080/healthz}"
}

crash() { stop "$1" KILL; }
hang() { send "$1" STOP; }
cut_off() { cut_cable "$1" web; }

# --- Meridian ---------------------------------------------------------------------------------

# serve: starts it, and waits until every region is answered in its own region.
serve() {
    start_meridian || return
    poll 20 all_regions_are_up || fail "every region is up at the start"
}

all_regions_are_up() {
    is "$EU" steered "$EU_NET" && is "$US" steered "$US_NET" && is "$AP" steered "$AP_NET"
}

# start_meridian: starts it on $WORK/meridian.toml, and waits until it is ready.
start_meridian() {
    rm -f "$WORK/ready"
    : >"$WORK/meridian.log"
    start meridian meridian "$MERIDIAN" serve \
        --config "$WORK/meridian.toml" --ready-file "$WORK/ready"
    poll 20 is_ready_or_ended
    poll 0 test -s "$WORK/ready" || fail "meridian serve gets ready"
}

is_ready_or_ended() { test -s "$WORK/ready" || ended meridian; }

# edit EXPRESSION...: changes the configuration (a sed script for each).
edit() {
    local expression
    for expression in "$@"; do sed -i -E "$expression" "$WORK/meridian.toml"; done
}

reload() { send meridian HUP; }
log() { cat "$WORK/meridian.log"; }

# meridian COMMAND...: asks the running server, or the files.
meridian() { timeout 10 ip netns exec meridian "$MERIDIAN" "$@"; }

explain() { meridian explain "$@" --config "$WORK/meridian.toml"; }

# explained_addresses CLIENT: those of the answer that explain shows.
explained_addresses() {
    explain www.gslb.example.com A --client "$1" | sed -nE 's/.* IN A ([0-9.]+)$/\1/p' |
        sort -V | paste -sd ' '
}

# --- asking -----------------------------------------------------------------------------------

# dig_from HOST ARGUMENT...
dig_from() {
    local host=$1
    shift
    ip netns exec "$host" dig +tries=2 +time=2 "$@"
}

# ask HOST SERVER NAME TYPE [OPTION...]: the data of the answer, sorted, in one line.
ask() {
    local host=$1 server=$2
    shift 2
    dig_from "$host" "@$server" "$@" +short | sort -V | paste -sd ' '
}

# kdig_from HOST ARGUMENT...
kdig_from() {
    local host=$1
    shift
    ip netns exec "$host" kdig +retry=1 +time=2 "$@"
}

# one_line COMMAND...: what it says, with spaces for line ends.
one_line() { "$@" | paste -sd ' '; }

# datagram_is_at_most OCTETS ARGUMENT...: of the answer to dig.
datagram_is_at_most() {
    local most=$1 size
    shift
    size=$(dig_from client-eu "@$NS1" "$@" | sed -n 's/^;; MSG SIZE *rcvd: //p')
    if ((size > 0 && size <= most)); then echo yes; else echo "$size octets"; fi
}

# steered SUBNET [OPTION...]: what Meridian itself answers for clients of a network.
steered() {
    local subnet=$1
    shift
    ask client-eu "$NS1" www.gslb.example.com A "+subnet=$subnet" "$@"
}

# resolved REGION [NAME]: what a region's client gets from its resolver.
resolved() { ask "client-$1" "$RESOLVER" "${2:-www.gslb.example.com}" A; }

# fresh_resolver: unbound with an empty cache.
fresh_resolver() {
    stop resolver KILL
    start resolver resolver "$WORK/unbound" -d -p -c "$WORK/unbound.conf"
    poll 20 is "a.root-servers.net." ask client-eu "$RESOLVER" . NS || fail "the resolver is there"
}
