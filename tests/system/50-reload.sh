# SIGHUP: a new configuration takes over, a broken one does not
# shellcheck shell=bash

serve || return

edit 's/^interval = .*/intervall = "500ms"/'
reload
eventually "a mistake in the configuration is logged with its place" \
    says 'meridian.toml:[0-9]+:[0-9]+.*intervall' log
check "meridian check says the same" \
    says 'meridian.toml:[0-9]+:[0-9]+' meridian check --config "$WORK/meridian.toml"
check "the old configuration goes on serving" is "$EU" steered "$EU_NET"

edit 's/^intervall = .*/interval = "500ms"/'
echo 'hello IN NOTYPE "oops"' >>"$WORK/gslb.example.com.zone"
reload
eventually "a mistake in a zone file is logged with its place" \
    says 'gslb.example.com.zone:[0-9]+' log
check "the old zone goes on serving" \
    is '"a static record"' ask client-eu "$NS1" hello.gslb.example.com TXT

sed -i '$d; s/a static record/another one/' "$WORK/gslb.example.com.zone"
edit 's/^endpoints = \["198.51.100.11", "198.51.100.12"\]/endpoints = ["198.51.100.12"]/'
reload
eventually "a good configuration changes steered answers" is "$US2" steered "$US_NET"
eventually "and static ones" is '"another one"' ask client-eu "$NS1" hello.gslb.example.com TXT

for _ in {1..300}; do echo "www.gslb.example.com A +subnet=$EU_NET"; done >"$WORK/queries"
dig_from client-eu "@$NS1" +short -f "$WORK/queries" >"$WORK/answers" 2>&1 &
for _ in {1..10}; do
    reload
    sleep 0.05
done
{ wait $!; } 2>/dev/null
check "no query is lost while it reloads again and again" is 600 grep -c '^192\.0\.2\.1[12]$' "$WORK/answers"

crash web-eu1
eventually "an endpoint dies" is "$EU2" steered "$EU_NET"
edit 's/^www .*/www = { policy = "world", ttl = "7s" }/'
reload
eventually "a further reload changes a TTL" \
    says '[[:space:]]7[[:space:]]+IN' dig_from client-eu "@$NS1" www.gslb.example.com "+subnet=$US_NET"
check "a verdict outlives the reload" is "$EU2" steered "$EU_NET"
