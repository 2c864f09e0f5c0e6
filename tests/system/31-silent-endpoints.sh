# Endpoints that do not refuse, but say nothing
# shellcheck shell=bash

serve || return

hang web-eu1
eventually "an endpoint that accepts and never answers is down" is "$EU2" steered "$EU_NET"
cut_off web-eu2
eventually "an endpoint that cannot be reached is down" is "$US" steered "$EU_NET"
check "the log says why" says 'down.*timed out.*192.0.2.1[12]:8080' log

revive web-eu1
eventually "one that answers again is back" is "$EU1" steered "$EU_NET"
revive web-eu2
eventually "one that is plugged in again is back" is "$EU" steered "$EU_NET"
