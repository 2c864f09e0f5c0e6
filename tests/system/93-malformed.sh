# What is no proper query, beside NSD and BIND
# shellcheck shell=bash

needs named dnspython || return
host malformed
ip -n malformed address add 127.0.0.4/8 dev lo
if TMPDIR=$WORK ip netns exec malformed timeout 60 "$REPOSITORY/tests/differential/malformed.py" ${SEED:+--seed "$SEED"} \
    >"$WORK/malformed" 2>&1; then
    ok "is dropped, or answered with what belongs to it ($(head -n 1 "$WORK/malformed"))"
else
    grep -vE '^ *[0-9]+  ' "$WORK/malformed" >"$WORK/evidence"
    fail "is dropped, or answered with what belongs to it"
fi
