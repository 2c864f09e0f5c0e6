# Static zones answer as NSD's and Knot's do
# shellcheck shell=bash

needs knotd dnspython || return
host differential
# SEED=N repeats a run.
if ip netns exec differential timeout 100 "$REPOSITORY/tests/differential/run.py" ${SEED:+--seed "$SEED"} \
    >"$WORK/differential" 2>&1; then
    ok "but for the differences that the standard decides"
else
    cp "$WORK/differential" "$WORK/evidence"
    fail "but for the differences that the standard decides"
fi
sed 's/^/     /' "$WORK/differential"
