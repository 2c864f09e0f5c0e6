# explain tells what the running server does
# shellcheck shell=bash

serve || return

check "it asks the running server" says 'verdicts +of the running server' \
    explain www.gslb.example.com A --client 193.0.0.10
check "all endpoints of the region are up" says '192.0.2.11 weight 1 up; .*192.0.2.12 weight 1 up' \
    explain www.gslb.example.com A --client 193.0.0.10
crash web-eu1
eventually "a crashed one is down" says '192.0.2.11 weight 1 down' \
    explain www.gslb.example.com A --client 193.0.0.10
crash web-eu2
eventually "the region that was passed over is named, and the one that was taken" \
    says 'pool web-eu .*passed over.*pool web-us .*taken' \
    one_line explain www.gslb.example.com A --client 193.0.0.10
check "what it says is what is answered" is "$(steered "$EU_NET")" explained_addresses 193.0.0.10
stop meridian KILL
check "without a running server, it says that it knows no verdicts" says 'no running server' \
    explain www.gslb.example.com A --client 193.0.0.10
