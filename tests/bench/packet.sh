#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# packet.sh - what a packet costs in crmgate, beside an LRU hash as the field uses
# it and the least that a slot per source can cost; how that depends on the number
# of sources, on the kind of packet, and on the size of the policy.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

lab_up
ROUNDS=$(quick 3 11)
PACKETS=$(quick 100000 400000)

prefixes 2000 28 >"$LAB_DIR/denied.txt"
prefixes 1000 32 >"$LAB_DIR/banned.txt"
chmod 644 "$LAB_DIR"/*.txt

# Four windows, that nothing here uses up.
QUOTAS='bytes_out: [{quota: 1000GB, per: 1m}, {quota: 2000GB, per: 1h}, {quota: 3000GB, per: 1d}, {quota: 4000GB, per: 7d}]'

# main PACKETS-PER-SECOND: the policy of packet.c. The sources that are measured
# come from the lower half of 10.0.0.0/8 unless they are a flood, which hits the
# prefixes as well.
main() {
	cat <<-EOF
		version: 1
		capacity: {sources: 1048576}
		services:
		  api:     {transport: tcp, ports: [443]}
		  limited: {transport: tcp, ports: [8001]}
		  reset:   {transport: tcp, ports: [8002]}
		  budgets: {transport: tcp, ports: [8003]}
		  capped:  {transport: tcp, ports: [8004]}
		  wide:    {transport: tcp, ports: [8005]}
		  whole:   {transport: tcp, ports: [8006]}
		  http:    {transport: tcp, ports: [8007], protocol: http}
		  tls:     {transport: tcp, ports: [8008], protocol: tls}
		clients:
		  denied:   {prefixes: [172.16.0.0/12], files: [denied.txt]}
		  partners: {prefixes: [203.0.113.0/24, "2001:db8:7::/48"]}
		policies:
		  - name: public
		    service: api
		    clients: any
		    limits: {connections: {rate: 1G/s}, packets: {rate: $1/s}, bytes: {rate: 100GB/s}}
		  - {name: partners, service: api, clients: partners, limits: {packets: {rate: 1G/s}}}
		  - {name: denied, service: api, clients: denied, deny: true}
		  - {name: limited, service: limited, clients: any, limits: {packets: {rate: 1/7d, burst: 1}}}
		  - {name: reset, service: reset, clients: any, limits: {packets: {rate: 1/7d, burst: 1}}, on_exceed: reset}
		  - name: capped
		    service: capped
		    clients: any
		    limits: {connections: {rate: 1G/s}, packets: {rate: 1G/s}, bytes: {rate: 100GB/s}, open_connections: {max: 1000}}
		  - name: requests
		    service: [http, tls]
		    clients: any
		    limits: {connections: {rate: 1G/s}, packets: {rate: 1G/s}, bytes: {rate: 100GB/s}, open_connections: {max: 1000}, requests: {rate: 1G/s}}
		  - name: budgets
		    service: budgets
		    clients: any
		    on_budget: cut
		    limits: {$QUOTAS}
		  - {name: wide, service: wide, on_budget: cut, limits: {$QUOTAS}, aggregate: {limits: {$QUOTAS}}}
		  - {name: whole, service: whole, on_budget: cut, limits: {$QUOTAS}, total: {limits: {$QUOTAS}}}
		allow: [192.0.2.10/32, 10.200.1.0/24]
	EOF
}
MAIN=$(main 1G | policy main.yaml)
OTHER=$(main 999M | policy other.yaml)

fresh_main() {
	fresh "$MAIN"
	crmgate ban 198.18.0.0/15 -q
	crmgate ban -f "$LAB_DIR/banned.txt" -q
}

# measure OPTION... ROW...
measure() { in_host "$BENCH/packet" --packets "$PACKETS" crm0 "$@"; }

# column SOURCES ROW...: a table of its own, and how many sources have a slot in it.
column() {
	local rows tracked
	fresh_main
	say "packet: $1 sources"
	rows=$(measure --sources "$1" --rounds "$ROUNDS" "${@:2}")
	tracked=$(crmgate status -j | jq .sources.tracked)
	jq -c --argjson tracked "$tracked" '. + {tracked: $tracked}' <<<"$rows"
}

# The main table: what a source costs, by the number of sources.
sources() {
	local n
	for n in 1 1024 65536 524288 1048576; do
		column "$n" 'one array slot' 'two limits, exact' 'LRU hash' known
	done
	column $((1 << 24)) 'one array slot, flood' 'LRU hash, flood' 'known, flood'
}

# Kinds of packets, from one source and from many.
kinds() {
	column 1 'LRU hash' known 'known, SYN' 'not for a service' 'over the limit' 'over, RST' \
		'denied prefix' banned 'IPv6, two extensions' VLAN egress 'egress, four budgets' \
		'egress, and of a prefix' 'egress, and a total' 'known, capped' 'egress, capped'
	column 65536 'LRU hash' known 'known, SYN' 'not for a service' 'over the limit' \
		'denied prefix' banned 'IPv6, two extensions' VLAN egress 'egress, four budgets' \
		'egress, and of a prefix' 'egress, and a total' 'known, capped' 'egress, capped'
}

# turn: a packet from each of 64 k sources, as lines of cost_ns.
turn() {
	measure --sources 65536 --in-turn --packets 65536 --rounds 1 --warm "$1" known |
		jq '.rows[0].cost_ns'
}

# What it costs to find requests, beside the same segments of a connection that is only known.
SPEECH_ROWS=('capped, ACK' 'capped, 1442 bytes' 'capped, 500 bytes' 'HTTP, ACK' 'HTTP, body'
	'HTTP, header of 500 bytes' 'TLS, ACK' 'TLS, within a record' 'TLS, 1 record' 'TLS, 14 records'
	'TLS, 14 records of HTTP/2')
requests() {
	local found
	column 1 'LRU hash' "${SPEECH_ROWS[@]}"
	found=$(crmgate status -j | jq '[.services[] | .requests // .requests_estimated // empty] | min')
	((found > PACKETS / 100)) || { echo "bench: packet: $found requests were found" >&2; return 1; }
}

# What a packet costs when each source must be resolved anew, beside the same
# without an apply before.
generation() {
	local i before=() after=() policies=("$OTHER" "$MAIN")
	fresh_main
	say 'packet: 65536 sources after an apply'
	turn 4 >/dev/null
	for ((i = 0; i < $(quick 2 7); i++)); do
		before+=("$(turn 0)")
		crmgate apply "${policies[i % 2]}" -q
		after+=("$(turn 0)")
	done
	printf '%s\n' "${before[@]}" | jq -sc '{packet: "policy as before", cost_ns: min, spread_ns: (max - min)}'
	printf '%s\n' "${after[@]}" | jq -sc '{packet: "policy just changed", cost_ns: min, spread_ns: (max - min)}'
}

# The same source under policies of all sizes; the first is measured twice in each
# round, to see how far apart two measurements of one and the same thing are.
sizes() {
	local round name
	sized 2 1 | policy small.yaml >/dev/null
	sized 1000 1 | policy policies.yaml >/dev/null
	sized 2 100000 | policy prefixes.yaml >/dev/null
	fresh "$LAB_DIR/small.yaml"
	for ((round = 0; round < $(quick 2 7); round++)); do
		say "packet: sizes of the policy, round $((round + 1))"
		for name in small policies small prefixes; do
			crmgate apply "$LAB_DIR/$name.yaml" -q
			measure --rounds 5 known | jq -c --arg name "$name" '{$name, cost_ns: .rows[0].cost_ns}'
		done
	done | jq -sc '
		(map(select(.name == "small").cost_ns)) as $same
		| ($same | min) as $base
		| ((($same | max) - $base) / $base) as $band
		| group_by(.name) | map({policy: .[0].name, cost_ns: (map(.cost_ns) | min)})
		| map(. + {more: (.cost_ns / $base - 1), band: $band})'
}

sources | jq -s . >"$LAB_DIR/sources.json"
kinds | jq -s . >"$LAB_DIR/kinds.json"
requests | jq -s . >"$LAB_DIR/requests.json"
generation | jq -s . >"$LAB_DIR/generation.json"
sizes >"$LAB_DIR/sizes.json"

# Two rows of a column are compared round by round, and the median taken: what is
# quickest in a row is a matter of luck with caches that others use as well.
# shellcheck disable=SC2016 # of jq
RATIO='def ratio($a; $b): [$a.rounds, $b.rounds] | transpose | map(.[0] / .[1]) | sort | .[length / 2 | floor];'

# ratio FILE SOURCES ROW [ROW TO COMPARE WITH]
ratio() {
	jq --argjson n "$2" --arg row "$3" --arg to "${4:-LRU hash}" "$RATIO"'
		def row($name): .rows[] | select(.name == $name);
		.[] | select(.sources == $n) | ratio(row($row); row($to))' "$LAB_DIR/$1.json"
}
# above ROW LESS DIVISOR: by how many ns a row of "requests" is above another, for each of so many.
above() {
	jq --arg row "$1" --arg less "$2" --argjson n "$3" '
		def cost($name): first(.[].rows[] | select(.name == $name)).cost_ns;
		(cost($row) - cost($less)) / $n' "$LAB_DIR/requests.json"
}
more() { jq --arg policy "$1" '.[] | select(.policy == $policy) | .more' "$LAB_DIR/sizes.json"; }

flat=$(jq '[0.05, .[0].band] | max' "$LAB_DIR/sizes.json")
figure 'two exact limits and nothing else, 1 source, to LRU' '<=' 0.4 \
	"$(ratio sources 1 'two limits, exact')"
figure 'known source, 1 source, to LRU' '<=' 0.4 "$(ratio sources 1 known)"
figure 'known source, 65536 sources, to LRU' '<=' 0.65 "$(ratio sources 65536 known)"
figure 'two exact limits and nothing else, 2^19 sources, to LRU' '<=' 0.5 \
	"$(ratio sources 524288 'two limits, exact')"
figure 'known source, 2^19 in 2^20 slots, to LRU' '<=' 0.5 "$(ratio sources 524288 known)"
figure 'forged SYN flood, 2^24 sources, to LRU' '<=' 0.2 \
	"$(ratio sources 16777216 'known, flood' 'LRU hash, flood')"
figure 'not for a service, 1 source, to LRU' '<=' 0.15 "$(ratio kinds 1 'not for a service')"
figure 'egress with four budgets, to a known source with three limits' '<=' 1.5 \
	"$(ratio kinds 1 'egress, four budgets' known)"
figure 'ns above the connection: a pure ACK, HTTP' '<=' 5 "$(above 'HTTP, ACK' 'capped, ACK' 1)"
figure 'ns above the connection: a pure ACK, TLS' '<=' 5 "$(above 'TLS, ACK' 'capped, ACK' 1)"
figure 'ns above the connection: a segment of a body, HTTP' '<=' 5 \
	"$(above 'HTTP, body' 'capped, 1442 bytes' 1)"
figure 'ns above the connection: a segment within a record' '<=' 5 \
	"$(above 'TLS, within a record' 'capped, 1442 bytes' 1)"
figure 'ns a byte of a header of plain HTTP' '<=' 2 \
	"$(above 'HTTP, header of 500 bytes' 'capped, 500 bytes' 500)"
figure 'ns a record header, HTTP/1' '<=' 40 "$(above 'TLS, 14 records' 'TLS, 1 record' 13)"
figure 'ns a record header, HTTP/2' '<=' 40 \
	"$(above 'TLS, 14 records of HTTP/2' 'TLS, 1 record' 13)"
figure 'more with 1000 policies than with 2' '<=' "$flat" "$(more policies)"
figure 'more with 100000 prefixes than with 1' '<=' "$flat" "$(more prefixes)"

# The tables to be printed, and all that was measured.
# shellcheck disable=SC2016 # of jq
part_done --slurpfile sources "$LAB_DIR/sources.json" --slurpfile kinds "$LAB_DIR/kinds.json" \
	--slurpfile requests "$LAB_DIR/requests.json" --slurpfile generation "$LAB_DIR/generation.json" --slurpfile sizes "$LAB_DIR/sizes.json" "$RATIO"'
	def program: .name | sub(", flood$"; "");
	def pivot(value): (map(.rows[] | program) | unique_by(.)) as $names
		| . as $columns
		| [$names[] as $name | {program: $name} + ([$columns[]
			| {key: "\(.sources)", value: (first(.rows[] | select(program == $name)) | value)}]
			| from_entries)];
	def lru: map(.rows |= (first(.[] | select(.name | startswith("LRU hash"))) as $lru
		| map(.ratio = ratio(.; $lru))));
	{
		ns_above_floor: ($sources[0] | pivot(.cost_ns)),
		ratio_to_lru: ($sources[0] | lru | pivot(.ratio)),
		spread_ns: ($sources[0] | pivot(.spread_ns)),
		kinds: ($kinds[0] | lru | [.[] | .sources as $n | .rows[]
			| {packet: .name, sources: $n, cost_ns, ratio_to_lru: .ratio, spread_ns, floor_ns}]),
		requests: [$requests[0][] | .rows[] | {packet: .name, cost_ns, spread_ns, floor_ns}],
		generation: $generation[0],
		sizes: $sizes[0],
		measured: {sources: $sources[0], kinds: $kinds[0], requests: $requests[0]}
	}'
