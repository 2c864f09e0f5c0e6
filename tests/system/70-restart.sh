# It stops when it is told to, and remembers when it was not
# shellcheck shell=bash

# So many successes that the tests surely ask before a verdict goes back to up.
edit 's/^rise .*/rise = 20/'
serve || return

check "the ready file names the addresses" says '"0\.0\.0\.0:53","\[::\]:53"' cat "$WORK/ready"

send meridian TERM
eventually "SIGTERM ends it" ended meridian || return
reap meridian
check "its exit status is 0" test $? = 0
check "its ready file is gone" test ! -e "$WORK/ready"

edit 's/^state_dir .*/&\ndrain_time = "5s"/'
serve || return
send meridian TERM
eventually "with a drain_time, it is not ready any more" test ! -e "$WORK/ready"
check "and answers on for that time" is "$EU" steered "$EU_NET"
eventually "before it ends" ended meridian || return
reap meridian
edit '/^drain_time/d'

serve || return
crash web-eu1
eventually "an endpoint dies" is "$EU2" steered "$EU_NET"
eventually "the verdict is saved" says '192.0.2.11:8080/[^}]*"down"' cat "$WORK/state/verdicts.json"
stop meridian KILL
# A server that knew nothing of the past would find it up at its first probe.
revive web-eu1
poll 20 web_servers_answer "$EU1"
start_meridian || return
check "after kill -9, an endpoint that was down is not answered at once" is "$EU2" steered "$EU_NET"
check "the admin socket that was left behind is replaced" \
    says 'verdicts +of the running server' explain www.gslb.example.com A --client 193.0.0.10
check "explain finds the only server that runs, in spite of the entry of the one before" \
    says 'verdicts +of the running server' meridian explain www.gslb.example.com A
eventually "but when it has succeeded as often as it must" is "$EU" steered "$EU_NET"

stop meridian KILL
echo '{"version":1,"verd' >"$WORK/state/verdicts.json"
start_meridian || return
eventually "a torn file of verdicts is no reason not to serve" is "$EU" steered "$EU_NET"
check "and is mentioned" says 'not used: .*verdicts.json' log

check "a second server on the same addresses is refused" \
    says 'in use' meridian serve --config "$WORK/meridian.toml"
check "the first one notices nothing" says 'verdicts +of the running server' \
    explain www.gslb.example.com A --client 193.0.0.10
