# ISC's compliance report and the digs of RFC 8906, beside NSD and BIND
# shellcheck shell=bash

needs named dnspython || return
host compliance
# BIND listens at addresses that an interface has.
ip -n compliance address add 127.0.0.4/8 dev lo
TMPDIR=$WORK ip netns exec compliance timeout 60 "$REPOSITORY/tests/differential/compliance.py" >"$WORK/compliance" 2>&1
sed 's/^/     /' "$WORK/compliance"
check "no remark on Meridian, in neither" is 2 grep -Ec 'meridian: ([0-9]+) of \1 ok' "$WORK/compliance"
check "nor on the others, for what is asked would be wrong then" \
    is 4 grep -Ec '(nsd|bind): ([0-9]+) of \2 ok' "$WORK/compliance"
