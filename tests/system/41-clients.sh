# dig, kdig, drill and dnspython, as people use them
# shellcheck shell=bash

needs drill dnspython || return
"$FILES/large_zone.py" >"$WORK/large.example.com.zone"
cat >>"$WORK/meridian.toml" <<'TOML'
[zone."large.example.com"]
file = "large.example.com.zone"
TOML
serve || return

drill_from() { ip netns exec "$1" drill "${@:2}"; }
dnspython() { ip netns exec client-eu /usr/bin/python3 "$FILES/dnspython_client.py" "$@"; }

# octets ARGUMENT...: of the answer to dig by TCP.
octets() { dig_from client-eu "@$NS1" "$@" +tcp | sed -n 's/^;; MSG SIZE *rcvd: //p'; }

# noerrors COUNT: of as many queries to one connection.
noerrors() {
    local queries
    mapfile -t queries < <(yes $'hello.gslb.example.com\nTXT' | head -n "$((2 * $1))")
    kdig_from client-eu "@$NS1" +tcp +keepopen "${queries[@]}" | grep -c 'status: NOERROR'
}

for server in "$NS1" "$NS2_V6"; do
    check "drill by UDP to $server" says "$EU1" drill_from client-eu "@$server" www.gslb.example.com A
    check "drill by TCP to $server" says "$EU1" drill_from client-eu -t "@$server" www.gslb.example.com A
done
check "drill falls back to EDNS and TCP" \
    says 'ANSWER: 20,' drill_from client-eu -a "@$NS1" large.gslb.example.com TXT
check "drill of a name that does not exist" \
    says 'rcode: NXDOMAIN' drill_from client-eu "@$NS1" nothing.gslb.example.com
check "kdig with a client subnet is told the scope" \
    says "CLIENT-SUBNET: 8.8.8.0/24/" kdig_from client-us "@$NS1" www.gslb.example.com +subnet=8.8.8.0/24
check "dig with a client subnet is told the scope" \
    says "CLIENT-SUBNET: 8.8.8.0/24/" dig_from client-us "@$NS1" www.gslb.example.com +subnet=8.8.8.0/24
check "twenty queries on one connection, kept open" is 20 noerrors 20
for size in 512 1232 16384 40000 64500; do
    check "an answer of $size octets by TCP" is "$size" octets "t$size.large.example.com" TXT +noedns
done
check "dnspython reads every kind of answer" is "ok" dnspython "$NS1"
