# GeoIP data is replaced under way
# shellcheck shell=bash

serve || return

# replace FILE: what is on standard input takes a file's place at once.
replace() { cat >"$1.new" && mv "$1.new" "$1"; }

database_of() { "$MERIDIAN" geoip build "$1" -o "$2"; }

check "geoip build makes a database that moves 193.0.0.0/8 to Asia" \
    database_of "$FILES/moved.csv" "$WORK/moved.mmdb"
replace "$WORK/geo/sample.mmdb" <"$WORK/moved.mmdb"
eventually "a replaced database takes effect" is "$AP" steered "$EU_NET"
check "geoip lookup agrees" says 'continent AS' \
    meridian geoip lookup 193.0.0.10 --config "$WORK/meridian.toml"

head -c 300 "$WORK/moved.mmdb" | replace "$WORK/geo/sample.mmdb"
eventually "a broken database is refused with the reason" \
    says 'ERROR.*sample.mmdb' log
check "and the old data stays" is "$AP" steered "$EU_NET"

replace "$WORK/geo/sample.mmdb" <"$REPOSITORY/geoip/sample.mmdb"
eventually "a good one is taken after a broken one" is "$EU" steered "$EU_NET"

echo '193.0.0.0/24,US,US-VA,,' | replace "$WORK/geo/feed.csv"
eventually "a replaced feed takes effect" is "$US" steered "$EU_NET"
echo '193.0.0.0/33,DE,,,' | replace "$WORK/geo/feed.csv"
eventually "a broken feed is refused with file and line" says 'ERROR.*feed.csv:1' log
check "and the old feed stays" is "$US" steered "$EU_NET"
