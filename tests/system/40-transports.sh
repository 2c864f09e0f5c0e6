# UDP and TCP, IPv4 and IPv6, EDNS, and clients other than dig
# shellcheck shell=bash

serve || return
query=(www.gslb.example.com A "+subnet=$EU_NET")
large=(large.gslb.example.com TXT)

# It listens on 0.0.0.0 and [::]; dig takes replies from the address that it asked only.
for server in "$NS1" "$NS2" "$NS1_V6" "$NS2_V6"; do
    check "UDP to $server is answered from there" is "$EU" ask client-eu "$server" "${query[@]}"
    check "TCP to $server" is "$EU" ask client-eu "$server" "${query[@]}" +tcp
done

check "a query without EDNS is answered without" \
    says 'ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 0' \
    dig_from client-us "@$NS1" www.gslb.example.com +noedns
check "the answer names the UDP payload that it takes" \
    says 'udp: 1232' dig_from client-eu "@$NS1" "${query[@]}"
check "an EDNS version of the future is BADVERS" \
    says 'status: BADVERS' dig_from client-eu "@$NS1" "${query[@]}" +edns=1 +noednsnegotiation
check "what does not fit is truncated, with EDNS still there" \
    says 'flags: qr aa tc.*OPT PSEUDOSECTION' \
    one_line dig_from client-eu "@$NS1" "${large[@]}" +bufsize=4096 +ignore
check "no datagram is larger than 1232 octets, whatever a client says it takes" \
    is yes datagram_is_at_most 1232 "${large[@]}" +bufsize=4096 +ignore
check "nor larger than a client takes" \
    is yes datagram_is_at_most 512 "${large[@]}" +bufsize=512 +ignore
check "nor than 512 octets without EDNS" \
    is yes datagram_is_at_most 512 "${large[@]}" +noedns +ignore
check "a truncated answer is whole by TCP" \
    says 'ANSWER: 20,' dig_from client-eu "@$NS1" "${large[@]}"

check "kdig by UDP" says "$EU1" kdig_from client-eu "@$NS1" "${query[@]}"
check "kdig by TCP" says "$EU1" kdig_from client-eu "@$NS1" "${query[@]}" +tcp
check "kdig by IPv6" says "$EU1" kdig_from client-eu "@$NS2_V6" "${query[@]}"
check "several queries on one TCP connection" says '"a static record"' \
    kdig_from client-eu "@$NS1" +tcp +keepopen www.gslb.example.com A hello.gslb.example.com TXT
check "an unknown EDNS option is ignored" \
    says "$EU1" dig_from client-eu "@$NS1" "${query[@]}" +ednsopt=65001:00ff
