# An alias at the apex: the addresses of somebody else's name, by way of a real resolver
# shellcheck shell=bash

# upstream_zone SERIAL RECORD...: what the nameserver of example.net has from now on.
upstream_zone() {
    local serial=$1
    shift
    printf '%s\n' "\$ORIGIN example.net." "\$TTL 2" "@ IN SOA ns hostmaster $serial 7200 1800 1209600 2" \
        "@ IN NS ns" "ns IN A 192.0.2.30" "lb IN CNAME pop.lb" "$@" >"$WORK/example.net.zone"
}

start_upstream() { start upstream upstream nsd -d -c "$WORK/upstream.conf"; }

apex() { ask client-eu "$NS1" gslb.example.com "$1"; }

asker upstream 192.0.2.30
sed "s|@WORK@|$WORK|g" "$FILES/upstream.conf" >"$WORK/upstream.conf"
upstream_zone 1 'pop.lb IN A 203.0.113.40' 'pop.lb IN A 203.0.113.41' 'pop.lb IN AAAA 2001:db8::40'
start_upstream
fresh_resolver
eventually "the resolver knows the name" is "203.0.113.40 203.0.113.41" \
    ask client-eu "$RESOLVER" pop.lb.example.net A

cat >>"$WORK/meridian.toml" <<'TOML'
[resolver]
keep = "1h"
[pool.leased]
region    = "eu"
endpoints = [{ alias = "lb.example.net" }]
[policy.apex]
failover = ["leased"]
TOML
edit 's/^"@" .*/"@" = { policy = "apex", ttl = ["0s", "30s"] }/'
check "meridian check says who resolves it" \
    says 'alias lb.example.net.: .* by a running server' meridian check --config "$WORK/meridian.toml"
serve || return

check "the apex has its IPv4 addresses" is "203.0.113.40 203.0.113.41" apex A
check "and its IPv6 address" is "2001:db8::40" apex AAAA
check "and stays an apex" is "ns1.gslb.example.com. ns2.gslb.example.com." apex NS
check "no longer than the records which led there" \
    says 'gslb.example.com.[[:space:]]+[0-2][[:space:]]+IN[[:space:]]+A[[:space:]]' \
    dig_from client-eu "@$NS1" gslb.example.com A
check "clients get them from their resolver" is "203.0.113.40 203.0.113.41" resolved eu gslb.example.com
check "explain says whose they are" says '203.0.113.4[01] \(of lb.example.net.\)' \
    explain gslb.example.com A --client "${EU_NET%/*}"

upstream_zone 2 'pop.lb IN A 203.0.113.42'
send upstream HUP
eventually "a change is followed" is "203.0.113.42" apex A
eventually "a family that is gone is gone" is "" apex AAAA
check "without an error" says 'status: NOERROR' dig_from client-eu "@$NS1" gslb.example.com AAAA

stop upstream KILL
eventually "it is in the log that nobody answers" says 'alias lb.example.net. cannot be resolved' log
steadily 4 "the last known addresses are kept" is "203.0.113.42" apex A
edit 's/^keep = .*/keep = "0s"/'
reload
eventually "no longer than is configured" says 'status: SERVFAIL' dig_from client-eu "@$NS1" gslb.example.com A
check "nobody is told that there are none" \
    says 'status: SERVFAIL' dig_from client-eu "@$NS1" gslb.example.com AAAA
check "explain says why" says 'no address of lb.example.net. is known' \
    explain gslb.example.com A --client "${EU_NET%/*}"
check "all else goes on" is "$EU" steered "$EU_NET"

start_upstream
# This one has learned to ask elsewhere.
fresh_resolver
eventually "it comes back by itself" is "203.0.113.42" apex A
stop upstream KILL
