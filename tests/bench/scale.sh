#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scale.sh - what grows with the policy and with the number of sources: the time to
# check and to apply a policy, the time and the system calls to read a full table,
# the memory of a source.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up
SLOTS=$(quick 131072 2097152)
SOURCES=$((SLOTS / 2))		# so that nearly all of them find a slot
ROUNDS=$(quick 2 5)

# fastest COMMAND...: the time of the quickest of some runs, in ms. The first, which
# finds nothing in the caches, is not for nothing: it counts like the others.
fastest() {
	local round from us best=
	for ((round = 0; round < ROUNDS; round++)); do
		from=${EPOCHREALTIME/./}
		"$@" >/dev/null
		us=$((${EPOCHREALTIME/./} - from))
		((best && best <= us)) || best=$us
	done
	jq -n "$best / 1000"
}

# system_calls COMMAND...: their number; null if they cannot be counted here.
system_calls() {
	local counts=$LAB_DIR/strace
	if ! in_host strace -fc -o "$counts" "$CRMGATE" "$1" --instance "$LAB_INSTANCE" "${@:2}" >/dev/null; then
		say 'scale: NOT MEASURED: system calls, as strace is missing or refused'
		echo null
		return
	fi
	awk '$NF == "total" { print $4 }' "$counts"
}

# ------------------------------------------------------------------- policies
policies() {
	local size
	sized 2 1 | policy small.yaml >/dev/null
	fresh "$LAB_DIR/small.yaml"
	for size in '2 1' '2 1000' '2 100000' '1000 1'; do
		say "scale: ${size% *} policies, ${size#* } prefixes"
		# shellcheck disable=SC2086 # two words
		sized $size | policy sized.yaml >/dev/null
		jq -nc --argjson policies "${size% *}" --argjson prefixes "${size#* }" \
			--argjson check "$(fastest crmgate check "$LAB_DIR/sized.yaml")" \
			--argjson apply "$(fastest crmgate apply "$LAB_DIR/sized.yaml")" \
			'{$policies, $prefixes, check_ms: $check, apply_ms: $apply}'
	done
}

# -------------------------------------------------------------------- sources
# readings: what it takes to read the table as it is.
readings() {
	local tracked command
	tracked=$(crmgate status -j | jq .sources.tracked)
	for command in 'top -n 20 -j' metrics 'status -j'; do
		say "scale: $command of $tracked sources"
		# shellcheck disable=SC2086 # words
		jq -nc --arg command "$command" --argjson sources "$tracked" \
			--argjson ms "$(fastest crmgate $command)" \
			--argjson calls "$(system_calls $command)" \
			'{$command, sources_tracked: $sources, $ms, system_calls: $calls}'
	done
}

# map_bytes: what all maps take.
map_bytes() { in_host "$BENCH/proginfo" crm0 | jq '[.maps[].bytes] | add'; }

# capacity SLOTS: an instance of that size.
capacity() {
	sized 2 1 "$1" | policy capacity.yaml >/dev/null
	fresh "$LAB_DIR/capacity.yaml"
}

policies | jq -s . >"$LAB_DIR/policies.json"

capacity 1024
few=$(map_bytes)
capacity "$SLOTS"
many=$(map_bytes)
each=$(jq -n "($many - $few) / ($SLOTS - 1024)")

{
	readings
	say "scale: fill the table"
	in_host "$BENCH/packet" --sources "$SOURCES" --rounds 1 crm0 known >/dev/null
	readings
} | jq -s . >"$LAB_DIR/readings.json"

# full COMMAND KEY: of the full table.
full() {
	jq --arg command "$1" --arg key "$2" \
		'[.[] | select(.command == $command)] | last[$key]' "$LAB_DIR/readings.json"
}

figure "ms for metrics, $SOURCES sources" '<=' 50 "$(full metrics ms)"
figure "ms for top, $SOURCES sources" '<=' 100 "$(full 'top -n 20 -j' ms)"
figure 'bytes of memory for each slot' '<=' 256 "$each"

# shellcheck disable=SC2016 # of jq
part_done --slurpfile policies "$LAB_DIR/policies.json" --slurpfile readings "$LAB_DIR/readings.json" \
	--argjson slots "$SLOTS" --argjson each "$each" --argjson many "$many" '{
		policies: $policies[0],
		readings: $readings[0],
		memory: [{$slots, all_maps_MiB: ($many / 1048576), bytes_a_slot: $each}]
	}'
