# Endpoints and regions die and come back
# shellcheck shell=bash

serve && fresh_resolver || return

scope_for_europe() {
    dig_from client-eu "@$NS1" www.gslb.example.com "+subnet=$EU_NET" | grep CLIENT-SUBNET
}
scope_before=$(scope_for_europe)

crash web-eu1
eventually "a crashed endpoint leaves the answers" is "$EU2" steered "$EU_NET"
eventually "and those of the resolver, when its cache has expired" is "$EU2" resolved eu
check "its IPv6 address left with it, being checked by the same probe" \
    is "2001:db8:e::12" ask client-eu "$NS1" www.gslb.example.com AAAA "+subnet=$EU_NET"
check "other regions' clients notice nothing" is "$US" steered "$US_NET"

crash web-eu2
eventually "a dead region's clients get the next nearest" is "$US" steered "$EU_NET"
eventually "also through the resolver" is "$US" resolved eu
check "the scope of their answers is the one of before" is "$scope_before" scope_for_europe

for name in web-us1 web-us2 web-ap1 web-ap2; do crash "$name"; done
eventually "when all is down, an Extended DNS Error says so" \
    says 'EDE' dig_from client-eu "@$NS1" www.gslb.example.com "+subnet=$EU_NET"
check "and the nearest region is answered all the same" is "$EU" steered "$EU_NET"

revive web-us1
eventually "the first to be revived gets everybody" is "$US1" steered "$EU_NET"
revive web-eu1
revive web-eu2
eventually "the nearest region returns to the answers" is "$EU" steered "$EU_NET"
eventually "also through the resolver" is "$EU" resolved eu
