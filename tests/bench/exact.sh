#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# exact.sh - of what one source sends without a pause, how much passes, beside the
# model burst + rate * t. Bursts of a second of the rate are what the promise of
# 0.5 % is for; bursts of a millisecond are shown with the clock that crmgate has
# and with one that is read for every packet, which tells what the clock costs.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up
SECONDS_EACH=$(quick 0.2 1)
PRECISE=$BUILD/precise/crmgate

# Limit, rate a second, burst of 1 ms, size of a frame.
LIMITS=(
	'packets 10 1 64'
	'packets 1000 1 64'
	'packets 30000 30 64'
	'packets 1000000 1000 64'
	'bytes 1250000000 1250000 1514'
)

policies() {
	local i=0 row kind rate burst size
	echo 'version: 1'
	echo 'services:'
	for row in "${LIMITS[@]}"; do
		echo "  s$i: {transport: tcp, ports: [$((9000 + i))]}"
		echo "  ms$i: {transport: tcp, ports: [$((9100 + i++))]}"
	done
	echo 'policies:'
	i=0
	for row in "${LIMITS[@]}"; do
		read -r kind rate burst size <<<"$row"
		: "$size"
		[[ $kind != bytes ]] || rate=${rate}B burst=${burst}B
		echo "  - {name: s$i, service: s$i, clients: any, limits: {$kind: {rate: $rate/s, burst: $rate}}}"
		echo "  - {name: ms$i, service: ms$i, clients: any, limits: {$kind: {rate: $rate/s, burst: $burst}}}"
		((++i))
	done
}

passed() { crmgate status -j | jq --arg p "$1" '.policies[] | select(.name == $p).passed_packets'; }

hammer() { in_host "$BENCH/hammer" crm0 "$@"; }

# one CLOCK BURST INDEX CPUS: a row, from a source of its own. The number of packets
# that fill the time is found with another, whose bucket is another; it is half as
# many again as may pass in that time at least, or nothing would be limited.
one() {
	local clock=$1 name=$2$3 port=$((9000 + $3)) cpus=$4 kind rate burst size packets before sent
	read -r kind rate burst size <<<"${LIMITS[$3]}"
	if [[ $2 == ms ]]; then port=$((9100 + $3)); else burst=$rate; fi
	sent=$(hammer "$port" --cpus "$cpus" --size "$size" --source "10$cpus")
	packets=$(jq --argjson t "$SECONDS_EACH" --argjson cpus "$cpus" --argjson burst "$burst" \
		--argjson rate "$rate" --argjson unit "$([[ $kind == bytes ]] && echo "$size" || echo 1)" \
		'[.packets / .seconds * $t, 1.5 * ($burst + $rate * $t) / $unit] | max / $cpus | floor' \
		<<<"$sent")
	before=$(passed "$name")
	sent=$(hammer "$port" --cpus "$cpus" --size "$size" --source "$cpus" --packets "$packets")
	jq -c --arg clock "$clock" --arg kind "$kind" --argjson rate "$rate" --argjson burst "$burst" \
		--argjson size "$size" --argjson cpus "$cpus" \
		--argjson passed $(($(passed "$name") - before)) '
		(if $kind == "bytes" then $size else 1 end) as $unit
		| ($passed * $unit) as $admitted
		| ($burst + $rate * .seconds) as $allowed
		| {limit: $kind, rate_per_s: $rate, burst: $burst, CPUs: $cpus, clock: $clock,
		   offered: (.packets * $unit), $admitted, allowed: ($allowed | floor),
		   ratio: ($admitted / $allowed),
		   off_units: (($admitted - ($allowed / $unit | floor) * $unit) / $unit)}' <<<"$sent"
}

# rows CLOCK BURST...: of all limits, on one and on two CPUs.
rows() {
	local clock=$1 burst i cpus
	fresh "$LAB_DIR/exact.yaml"
	for burst in "${@:2}"; do
		for i in "${!LIMITS[@]}"; do
			for cpus in 1 2; do
				say "exact: ${LIMITS[i]}, burst of 1 $burst, $cpus CPU, $clock clock"
				one "$clock" "$burst" "$i" "$cpus"
			done
		done
	done
}

policies | policy exact.yaml >/dev/null
rows crmgate s | jq -s . >"$LAB_DIR/second.json"
rows crmgate ms | jq -s . >"$LAB_DIR/crmgate.json"
# An instance of the other build: made and removed by the same.
CRMGATE=$PRECISE
rows every_packet ms | jq -s . >"$LAB_DIR/precise.json"

worst=$(jq '[.[] | if (.off_units | fabs) <= 1 then 0 else .ratio - 1 | fabs end] | max' \
	"$LAB_DIR/second.json")
figure 'off the model, worst of bursts of 1 s, beyond a unit' '<=' 0.005 "$worst"

# shellcheck disable=SC2016 # of jq
part_done --slurpfile second "$LAB_DIR/second.json" --slurpfile crmgate "$LAB_DIR/crmgate.json" \
	--slurpfile precise "$LAB_DIR/precise.json" '{
		burst_of_a_second: $second[0],
		burst_of_a_millisecond: ([$crmgate[0], $precise[0]] | transpose | add)
	}'
