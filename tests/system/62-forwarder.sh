# Two nodes, each with its own forwarder and backends, stand in for one another
# shellcheck shell=bash

# The second nameserver moves out into a host of its own, for as long as this takes.
part_nodes() {
    local address
    ip -n meridian address del "$NS2/32" dev dns
    ip -n meridian address del "$NS2_V6/128" dev dns
    host node-us
    plug node-us dns "$NS2" "$NS2_V6"
    everything_is_on node-us dns
    plug node-us web 192.0.2.4
    for address in $US; do ip -n node-us route add "$address" dev web src 192.0.2.4; done
}

join_nodes() {
    stop keeper-eu KILL
    stop keeper-us KILL
    stop node-eu KILL
    stop node-us KILL
    ip netns del node-us
    ip -n meridian address add "$NS2/32" dev dns
    ip -n meridian address add "$NS2_V6/128" dev dns nodad
}

# node REGION NAMESPACE NS NS_V6 BACKEND BACKEND
node() {
    mkdir -p "$WORK/state/$1"
    sed "s|@REGION@|$1|; s|@NS@|$3|; s|@NS_V6@|$4|; s|@BACKEND_1@|$5|; s|@BACKEND_2@|$6|
         s|@STATE@|$WORK/state/$1|" "$FILES/node.toml" >"$WORK/node-$1.toml"
    start "node-$1" "$2" "$MERIDIAN" serve --config "$WORK/node-$1.toml"
}

node_eu() { node eu meridian "$NS1" "$NS1_V6" "$EU1" "$EU2"; }
node_us() { node us node-us "$NS2" "$NS2_V6" "$US1" "$US2"; }

# keep REGION ADDRESS: registers a node's forwarder with both nodes, as long as it lives.
keep() {
    start "keeper-$1" meridian bash -c "while kill -0 ${PIDS[node-$1]}; do
        for node in eu us; do
            timeout 2 '$MERIDIAN' register front-$1 $2 --lease 3s --state-dir '$WORK/state/'\$node
        done
        sleep 1
    done"
}

# fetched REGION PATH: what a client of a region gets from where its resolver sends it.
fetched() {
    local address
    address=$(resolved "$1") && [ -n "$address" ] || return
    ip netns exec "client-$1" curl -fsS --max-time 15 \
        --connect-to "::$address:80" "http://www.gslb.example.com$2"
}

two_nodes() {
    node_eu && node_us
    keep eu "$NS1"
    keep us "$NS2"
    eventually "each region's clients are sent to its node, by either nameserver" is "$NS1 $NS2" \
        one_line ask_both || return
    fresh_resolver || return
    eventually "through the resolver, a European client is served by a European backend" \
        says "^192\.0\.2\.1[12]$" fetched eu /who
    eventually "and an American one by an American backend" says "^198\.51\.100\.1[12]$" fetched us /who
    check "explain tells the whole way" says "endpoint +192\.0\.2\.1[12]:8080" \
        meridian explain --url http://www.gslb.example.com/who --client 193.0.0.10 --config "$WORK/node-eu.toml"
    check "who registered is listed" says "front-us/198\.51\.100\.53 .*up" \
        meridian registrations --config "$WORK/node-eu.toml"

    # Both may have it: it is sent to the one that lives when the other has it and dies.
    fetched eu /slow >"$WORK/slow" 2>&1 &
    local slow=$!
    eventually "a request is under way" says "\.1[12]:8080" under_way
    local victim=web-eu1
    under_way | grep -q "$EU2" && victim=web-eu2
    crash $victim
    wait $slow
    check "a request in flight on a backend that is killed is answered by the other" \
        says "^192\.0\.2\.1[12]$" cat "$WORK/slow"
    check "and told so" says '"tries":2' cat "$WORK/state/eu/access.log"
    revive $victim

    stop node-eu KILL
    eventually "a node that is killed has its clients served by the other" \
        says "^198\.51\.100\.1[12]$" fetched eu /who
    check "it is not registered any more, or known to be down" says "nobody|down|front-us" \
        meridian registrations --config "$WORK/node-us.toml"
    node_eu
    stop keeper-eu KILL
    keep eu "$NS1"
    eventually "when it is back, so are they" says "^192\.0\.2\.1[12]$" fetched eu /who
}

ask_both() {
    ask client-eu "$NS2" www.gslb.example.com A "+subnet=$EU_NET"
    ask client-eu "$NS1" www.gslb.example.com A "+subnet=$US_NET"
}

# under_way: the backends that a request of the European node is on, besides probes.
under_way() {
    meridian explain --url http://www.gslb.example.com/ --client 193.0.0.10 --config "$WORK/node-eu.toml" |
        grep ' 1 in flight'
}

part_nodes
two_nodes
join_nodes
