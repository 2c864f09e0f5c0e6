# Was it them, or was it our own network?
# shellcheck shell=bash

# Two services on each web server: twelve targets in three regions.
cat "$FILES/panic-guard.toml" >>"$WORK/meridian.toml"
# Without the guard, there would be no addresses in the answers.
edit 's/^state_dir .*/&\npanic = { hold = "1h" }/' 's/^when_all_down .*/when_all_down = "nodata"/'
serve || return

cut_cable meridian web
eventually "losing all targets at once raises the alarm" says 'panic guard.*held' log
eventually "all verdicts are held" all_regions_are_up
steadily 3 "for as long as the hold lasts" all_regions_are_up
check "explain shows them up" says '192.0.2.11 weight 1 up; .*192.0.2.12 weight 1 up' \
    explain www.gslb.example.com A --client 193.0.0.10

mend_cable meridian web
for name in "${WEB[@]}"; do crash "$name"; done
eventually "refusals are evidence, not doubt: what is dead is down in spite of the guard" \
    is "" steered "$EU_NET"
