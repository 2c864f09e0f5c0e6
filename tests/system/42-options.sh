# Cookies, NSID, keepalive, CHAOS, DNAME, full and rotated answers, access lists, rate limits
# shellcheck shell=bash

needs dnspython || return
cat >>"$WORK/gslb.example.com.zone" <<'ZONE'
old IN DNAME new
host.new IN A 192.0.2.80
turns IN A 192.0.2.81
turns IN A 192.0.2.82
turns IN A 192.0.2.83
mail IN MX 10 ns1
ZONE
echo '@ 300 SOA ns.example.com. hostmaster 1 2 3 4 5
@ 300 NS ns.example.com.' >"$WORK/office.example.com.zone"
cat >>"$WORK/meridian.toml" <<'TOML'
[server.identity]
nsid    = "eu-1"
version = "of the tests"
id      = "eu-1"
[zone."office.example.com"]
file        = "office.example.com.zone"
allow_query = ["8.8.8.0/24"]
TOML
edit 's/^file = "gslb.*/&\nresponses = "full"\nrrset_order = "rotated"/'
serve || return

cookie='[0-9a-f]{32}'
# good_cookie: what the server gives to one that it does not know.
good_cookie() { dig_from client-eu "@$NS1" . SOA +cookie=0102030405060708 | sed -nE "s/^; COOKIE: ([0-9a-f]+) .*/\1/p"; }
dnspython() { ip netns exec client-eu /usr/bin/python3 "$FILES/dnspython_client.py" "$@"; }

check "dig gets a cookie, and takes it for good" \
    says "COOKIE: 0102030405060708$cookie \(good\)" dig_from client-eu "@$NS1" gslb.example.com SOA +cookie=0102030405060708
check "kdig gets one, too" says "COOKIE: " kdig_from client-eu "@$NS1" gslb.example.com SOA +cookie
check "a cookie that comes back comes again" \
    says "COOKIE: 0102030405060708$cookie \(good\)" dig_from client-eu "@$NS1" gslb.example.com SOA "+cookie=$(good_cookie)"
check "NSID for dig" says 'NSID: 65 75 2d 31 \("eu-1"\)' dig_from client-eu "@$NS1" gslb.example.com SOA +nsid
check "NSID for kdig" says 'NSID: .*"eu-1"' kdig_from client-eu "@$NS1" gslb.example.com SOA +nsid
check "no NSID for those who do not ask" is 0 grep -c NSID <(dig_from client-eu "@$NS1" gslb.example.com SOA)
check "keepalive by TCP" says 'TCP.KEEPALIVE: 10.0 secs' dig_from client-eu "@$NS1" gslb.example.com SOA +tcp +keepalive
check "and not by UDP" is 0 grep -c TCP.KEEPALIVE <(dig_from client-eu "@$NS1" gslb.example.com SOA +keepalive)
check "version.bind in class CHAOS" is '"of the tests"' ask client-eu "$NS1" version.bind TXT CH
check "id.server" is '"eu-1"' ask client-eu "$NS1" id.server TXT CH
check "hostname.bind, which is not set, is refused" says 'status: REFUSED' dig_from client-eu "@$NS1" hostname.bind TXT CH
check "a name below a DNAME" says 'old.gslb.example.com.*DNAME.*host.old.gslb.example.com.*CNAME.*host.new.*A.192.0.2.80' \
    one_line dig_from client-eu "@$NS1" host.old.gslb.example.com A
check "a resolver follows the DNAME" says '192\.0\.2\.80' \
    eval 'fresh_resolver && ask client-eu "$RESOLVER" host.old.gslb.example.com A'
check "a full answer has the nameservers and their addresses" says 'ANSWER: 1, AUTHORITY: 2, ADDITIONAL: 3' \
    dig_from client-eu "@$NS1" mail.gslb.example.com MX
check "dnspython reads all of it" is ok dnspython "$NS1"

first_of_turns() { dig_from client-eu "@$NS1" turns.gslb.example.com A +short | head -n 1; }
three_firsts() { for _ in {1..24}; do first_of_turns; done | sort -u | paste -sd ' '; }
check "a rotated RRset begins with each of its records" is "192.0.2.81 192.0.2.82 192.0.2.83" three_firsts

check "who is in the access list is answered" says 'status: (NOERROR|NXDOMAIN)' dig_from client-us "@$NS1" office.example.com SOA
check "who is not is refused, and told why" says 'status: REFUSED.*EDE: 18 \(Prohibited\)' \
    one_line dig_from client-eu "@$NS1" office.example.com SOA
check "other zones are not concerned" says 'status: NOERROR' dig_from client-eu "@$NS1" gslb.example.com SOA

cat >>"$WORK/meridian.toml" <<'TOML'
[server.rate_limit]
responses_per_second = 5
slip = 2
TOML
reload
# truncated COUNT [OPTION...]: how many of as many answers in a burst are empty, to be asked again by TCP.
truncated() {
    local count=$1
    shift
    for ((i = 0; i < count; i++)); do
        ip netns exec client-ap dig +tries=1 +time=1 +ignore "@$NS1" hello.gslb.example.com TXT "$@" &
    done | grep -Ec 'flags: qr (aa )?tc'
}
eventually "past the rate, some answers are empty, for TCP" says '^[1-9]' truncated 30 +nocookie
check "by TCP, all are whole" is 0 truncated 30 +tcp +nocookie
check "and for holders of a cookie" is 0 truncated 30 "+cookie=$(
    ip netns exec client-ap dig "@$NS1" gslb.example.com SOA +cookie=0102030405060708 | sed -nE 's/^; COOKIE: ([0-9a-f]+) .*/\1/p'
)"
