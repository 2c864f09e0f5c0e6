# The subdomain is delegated as the README shows
# shellcheck shell=bash

serve && fresh_resolver || return

check "the parent refers to both nameservers, with their addresses" \
    says 'ns1.gslb.example.com.*A.*192.0.2.53' \
    dig_from client-eu "@$PARENT" www.gslb.example.com +norecurse +noall +authority +additional
check "dig +trace follows the delegation to Meridian" \
    says "A[[:space:]]+$EU1" dig_from client-eu "@$RESOLVER" www.gslb.example.com +trace +nodnssec
check "a resolver reaches a static record" \
    is '"a static record"' ask client-eu "$RESOLVER" hello.gslb.example.com TXT
check "a resolver reaches a balanced name" is "$EU" resolved eu
check "a resolver follows the parent's CNAME to a balanced name" \
    is "$EU www.gslb.example.com." resolved eu www.example.com
check "a resolver follows a static CNAME of the zone" \
    is "$EU www.gslb.example.com." resolved eu alias.gslb.example.com
check "the apex is balanced" is "$EU" resolved eu gslb.example.com
check "a wildcard is balanced" is "$EU" resolved eu shop.app.gslb.example.com
check "a name that does not exist is NXDOMAIN" \
    says 'status: NXDOMAIN' dig_from client-eu "@$RESOLVER" nothing.gslb.example.com
check "a type that a name does not have is NODATA" \
    says 'status: NOERROR.*ANSWER: 0,' \
    one_line dig_from client-eu "@$RESOLVER" hello.gslb.example.com A
check "a name outside of the zone is refused" \
    says 'status: REFUSED' dig_from client-eu "@$NS1" www.example.org
