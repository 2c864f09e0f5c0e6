# Clients of three regions, behind one resolver
# shellcheck shell=bash

serve && fresh_resolver || return

check "a client in Europe gets Europe" is "$EU" resolved eu
check "a client in North America gets North America" is "$US" resolved us
check "a client in Asia gets Asia" is "$AP" resolved ap
check "a feed wins over the database" is "$EU" steered 8.8.4.0/24
check "without client subnet, the resolver's own network counts" \
    is "$US" ask client-us "$NS1" www.gslb.example.com A
check "a client subnet of length 0 keeps the client private: the resolver's network counts" \
    is "$US" ask client-us "$NS1" www.gslb.example.com A +subnet=0/0

# The scope tells a cache for whom an answer holds.
check "the scope of a steered answer is not that of everybody" \
    says 'CLIENT-SUBNET: 193.0.0.0/24/[1-9]' \
    dig_from client-eu "@$NS1" www.gslb.example.com "+subnet=$EU_NET"
check "the scope of a static answer is that of everybody" \
    says 'CLIENT-SUBNET: 193.0.0.0/24/0' \
    dig_from client-eu "@$NS1" hello.gslb.example.com TXT "+subnet=$EU_NET"

poll 10 is "$EU" resolved eu kept.gslb.example.com
poll 10 is "$US" resolved us kept.gslb.example.com
# What is answered while Meridian is stopped comes out of the resolver's cache.
send meridian STOP
check "the cache keeps a region's answer for the client who asked" \
    is "$EU" resolved eu kept.gslb.example.com
check "and another region's for the client over there" \
    is "$US" resolved us kept.gslb.example.com
check "and serves a neighbour of the first one, who never asked" \
    is "$EU" ask client-eu "$RESOLVER" kept.gslb.example.com A -b 193.0.0.77
send meridian CONT
