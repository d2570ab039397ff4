#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# flood.sh - a flood of forged sources, many times larger than the table: who is known
# keeps what is known of him, real clients are served, also new ones, and limits hold.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

# Where the flood comes from (10.0.0.0/8), and sources that are known before it.
FORGED=(--src 10.0.0.0 --sources 16777216 --random)
KNOWN=192.168.7.1
# The same over IPv6, a /64 each.
FORGED6=(--src fd10:: --sources 16777216 --random)
KNOWN6=fd07::1
SINK6=2001:db8::99
# The answers to forged SYNs go where they came from, and are ignored there.
ip -n "$LAB-host" route add 10.0.0.0/8 via "$LAB_BAD"

# floods [LINE OF THE POLICY public]: everybody, real partners, and the known sources.
floods() {
	policy floods <<-EOF
		version: 1
		capacity: {sources: ${SOURCES:-65536}, flows: 65536}
		services: {api: {transport: tcp, ports: [443], protocol: tls}}
		clients:
		  partners: {prefixes: [$LAB_GOOD/32]}
		  known: {prefixes: [192.168.7.0/24, "fd07::/48"]}
		policies:
		  - name: public
		    service: api
		    clients: any
		    limits: {packets: {rate: 2000/s, burst: 4000}, connections: {rate: 50/s, burst: 200}}
		    ${1-}
		  - {name: partners, service: api, clients: partners, limits: {packets: {rate: 1M/s}}}
		  - {name: known, service: api, clients: known, limits: {packets: {rate: 1/h, burst: 1000}}}
	EOF
}

# in_slots POLICY: packets that the slots of its sources remember.
in_slots() {
	crmgate top -j -n 1000 --by packets |
		jq --arg p "$1" '[.sources[] | select(.policy == $p) | .packets] | add // 0'
}

# get NAMESPACE COUNT [CURL OPTION]...: as many requests, each over a connection of its
# own; seconds of each are in $LAB_DIR/times. Every one must be answered with 200.
get() {
	lab_curl "$1" -H 'Connection: close' -w '%{http_code} %{time_total}\n' \
		-o "$LAB_DIR/got" "${@:3}" "https://crm.example/api/contacts?[1-$2]" \
		>"$LAB_DIR/answers"
	expect 'answers' "$(grep -c '^200 ' "$LAB_DIR/answers")" -eq "$2"
}

latency() {
	cut -d' ' -f2 "$LAB_DIR/answers" | sort -n | awk -v what="$1" '
		{ ms[NR] = $1 * 1000 }
		END { printf "%s: median %.1f ms, p99 %.1f ms, worst %.1f ms of %d requests\n",
			what, ms[int((NR + 1) / 2)], ms[int(NR * 0.99 + 0.5)], ms[NR], NR }'
}

# What the known sources sent before and during the flood must be in their own slots.
known_keep_their_state() {
	local sent_by_known in_own
	expect 'spoofed packets for each known one' "$(jq '.sent / (.sent / 1001 | floor) | floor' \
		<<<"$sent")" -ge 1000
	sent_by_known=$(judged known)
	in_own=$(in_slots known)
	measured "known sources: $in_own of $sent_by_known packets met their own state"
	expect 'packets that met their own state' "$in_own" -ge $((sent_by_known * 98 / 100))
}

# The limit of a known source goes on from its level: 1000 and no more for an hour.
known_keep_their_level() {
	local why
	why=$(crmgate why "$1" -j)
	expect_json "$why" '.services[0] | .policy == "known" and .packets >= 20 and
		.limits[0].available == 1000 - .packets'
}

# warm COUNT [FIRST] [DESTINATION]: so many known sources, before the flood.
warm() {
	pour --dst "${3-$LAB_SINK}" --src "${2-$KNOWN}" --sources "$1" --repeat 12 --count $((12 * $1))
}

# one_packet_sources ipv4|ipv6: one packet of each forged source, and every 1001st packet
# from one of 200 known ones: between two of its packets come three times as many sources
# as the table has slots.
one_packet_sources() {
	local dst=$LAB_SINK known=$KNOWN forged=("${FORGED[@]}") source
	local some=(192.168.7.{1,100,200})
	if [[ $1 == ipv6 ]]; then
		dst=$SINK6 known=$KNOWN6 forged=("${FORGED6[@]}")
		some=(fd07:0:0:{0,63,c7}::1)
	fi
	attach "$(floods)" -q
	warm 200 "$known" "$dst"
	pour --dst "$dst" "${forged[@]}" --kind syn,ack,data --count 2002000 \
		--known "$known" --knowns 200 --known-every 1001
	known_keep_their_state
	for source in "${some[@]}"; do
		known_keep_their_level "$source"
	done
	expect 'evictions' "$(crmgate status -j | jq .sources.evictions)" -gt 1500000
	expect 'tracked' "$(metric crmgate_sources_tracked)" -le 65536
}

# Two packets of each: they want slots. Who is not proven keeps his while he is active, so
# the table is a small one: the flood wants all of it in less than a second.
two_packet_sources() {
	local host
	attach "$(SOURCES=16384 floods 'aggregate: {ipv4: 24, limits: {packets: {rate: 20k/s}}}')" -q
	warm 40
	pour --dst "$LAB_SINK" "${FORGED[@]}" --kind syn,data --repeat 2 --count 1001000 \
		--known "$KNOWN" --knowns 40 --known-every 1001
	known_keep_their_state
	for host in 1 20 40; do
		known_keep_their_level "192.168.7.$host"
	done
	expect 'packets under pressure' "$(metric crmgate_source_pressure_total)" -gt 0
}

# A real client proved its address before: the flood takes nothing of it, and is reported.
pressure() {
	local status evictions
	evicted() { (($(crmgate status -j | jq .sources.evictions) > evictions)); }
	# Only who was idle for 4.3 s gives way.
	served_until_evicted() { get good 40 && lab_until evicted; }
	attach "$(floods)" -q
	get good 20
	expect_json "$(crmgate status -j)" '.problems == [] and .sources.pressure_packets == 0'
	pour --dst "$LAB_SINK" "${FORGED[@]}" --kind syn,data --repeat 2 --count 400000
	evictions=$(crmgate status -j | jq .sources.evictions)
	during served_until_evicted -- --dst "$LAB_SINK" "${FORGED[@]}" --kind syn,data --repeat 2
	expect 'packets of the real client in its slot' "$(in_slots partners)" -eq "$(judged partners)"
	status=$(crmgate status -j)
	expect_json "$status" --argjson e "$evictions" '.sources | .proven == 1 and
		.evictions > $e and .pressure_packets > 0 and .last_pressure != null and
		.tracked <= .capacity'
	expect_json "$status" 'any(.problems[]; .id == "table_pressure")'
	expect_exit 4 crmgate status --check
	expect 'problem' "$(metric 'crmgate_problem{problem="table_pressure"}')" -eq 1
	expect 'packets under pressure' "$(metric crmgate_source_pressure_total)" -gt 0
	expect 'proven' "$(metric 'crmgate_sources{state="proven"}')" -eq 1
	expect 'drops' "$(metric crmgate_drops_total)" -eq "$(metric 'crmgate_packets_total{verdict="drop"}')"
}

# A policy that all forged sources share with a total: its partners do not notice.
total_of_the_public() {
	local passed
	attach "$(floods 'total: {limits: {packets: {rate: 5000/s, burst: 5000}}}')" -q
	get good 5
	during get good 300 -- --dst "$LAB_SINK" "${FORGED[@]}" --kind syn,data --repeat 2
	lab_until quiet public
	passed=$(policy_value public passed_packets)
	expect_rate 'passed of the public' "$passed" 5000 5000
	expect 'refused by the total' "$(metric 'crmgate_drops_total{policy="public",reason="total"}')" -gt 0
	expect 'refused of partners' "$(policy_value partners dropped_packets)" -eq 0
	expect 'packets of the real client in its slot' "$(in_slots partners)" -eq "$(judged partners)"
}

# T9: every slot is taken by sources that were active lately; who comes now is limited too,
# first with its neighbours. When a slot gets free, its own bucket there is a full one.
newcomer_is_limited() {
	local passed
	attach "$(floods)" -q
	pour --dst "$LAB_SINK" "${FORGED[@]}" --kind syn,data --repeat 2 --count 400000
	passed=$(policy_value public passed_packets)
	flood public --kind ack --seconds 1
	passed=$(($(policy_value public passed_packets) - passed))
	expect 'passed' "$passed" -le \
		"$(jq '(2 * 4000 + 2000 * (.taken - .from)) * 1.005 | floor' <<<"$sent")"
	expect 'passed' "$passed" -ge 4000
}

# A client that was never seen arrives in the middle of the flood, and is one of the public.
new_client() {
	local address=203.0.113.77
	attach "$(floods)" -q
	ip -n "$LAB-good" addr add "$address/24" dev int0
	pour --dst "$LAB_SINK" "${FORGED[@]}" --kind syn,data --repeat 2 --count 400000
	during get good 30 --interface "$address" -- \
		--dst "$LAB_SINK" "${FORGED[@]}" --kind "$1" --repeat "$2"
	ip -n "$LAB-good" addr del "$address/24" dev int0
	measured "$(latency "a new client in the flood of $1")"
	expect_json "$(crmgate top -j -n 1000)" --arg a "$address" \
		'.sources[] | select(.address == $a) | .proven and .policy == "public" and
		 .connections <= 30 and .connections >= 29'
}

latency_of_the_good() {
	attach "$(floods)" -q
	get good 200
	measured "$(latency 'a client, no flood')"
	during get good 200 -- --dst "$LAB_SINK" "${FORGED[@]}" --kind syn,ack,data
	measured "$(latency "a client, crmgate, $(pace)")"
	purge
	in_host nft -f - <<-EOF
		table netdev lab {
			set sources { type ipv4_addr; size 65536; flags dynamic, timeout; timeout 10s; }
			chain ingress {
				type filter hook ingress devices = { crm0, crm1 } priority 0;
				tcp dport 443 update @sources { ip saddr limit rate over 2000/second burst 4000 packets } drop
			}
		}
	EOF
	during get good 200 -- --dst "$LAB_SINK" "${FORGED[@]}" --kind syn,ack,data
	in_host nft delete table netdev lab
	measured "$(latency "a client, nftables, $(pace)")"
}
pace() { jq -r '"\(.arrived / .seconds / 1000 | floor)k packets/s"' <<<"$sent"; }

# D5: forged SYNs to the server itself, which answers each; also who comes new is proven.
syn_flood() {
	local address=203.0.113.78
	attach "$(floods)" -q
	ip -n "$LAB-good" addr add "$address/24" dev int0
	during syn_flood_clients "$address" -- --dst "$LAB_CRM" "${FORGED[@]}" --rate 50000
	ip -n "$LAB-good" addr del "$address/24" dev int0
	expect 'refused of partners' "$(policy_value partners dropped_packets)" -eq 0
	expect_json "$(crmgate top -j -n 1000)" --arg a "$address" --arg b "$LAB_GOOD" \
		'[.sources[] | select(.address == $a or .address == $b) | .proven] == [true, true]'
}
syn_flood_clients() {
	get good 200 && measured "$(latency 'SYN flood, a client')" &&
		get good 20 --interface "$1" && measured "$(latency 'SYN flood, a new client')"
}

# D6: each source keeps to its limit; together they exceed that of the wider prefix.
rotation() {
	attach "$(policy rotation <<-EOF
		version: 1
		capacity: {sources: 65536}
		sources: {ipv6_prefix: 128}
		services: {api: {transport: udp, ports: [443]}}
		policies:
		  - name: public
		    service: api
		    clients: any
		    limits: {packets: {rate: 100/s}}
		    aggregate: {ipv4: 24, ipv6: 64, limits: {packets: {rate: 500/s}}}
	EOF
	)" -q
	rotates --src 198.51.100.0 --dst "$LAB_SINK" --sources 256
	rotates --src 2001:db8:66:: --dst 2001:db8::99 --hosts --sources 65536
}
rotates() {
	local passed
	passed=$(policy_value public passed_packets)
	pour "$@" --kind udp --rate 5000 --count 15000
	passed=$(($(policy_value public passed_packets) - passed))
	expect_rate "passed from $2" "$passed" 500 500
	expect 'all refused by' "$(metric 'crmgate_drops_total{reason="aggregate"}')" -eq \
		"$(metric crmgate_drops_total)"
}

# D7: addresses in a row fill lines as chance would: of sources for half of the slots, in
# lines of eight, 0.8 % find their line full. An unkeyed or weak hash gives 0, or many more.
spread() {
	local tracked evictions
	attach "$(floods)" -q
	pour --dst "$LAB_SINK" --src 10.1.0.0 --sources 32768 --count 32768
	tracked=$(metric crmgate_sources_tracked)
	evictions=$(metric crmgate_source_evictions_total)
	measured "of 32768 addresses in a row $tracked have a place of their own"
	# A new source whose hash is that of a tag without a slot is taken for the same one.
	expect 'tracked and evicted' $((tracked + evictions)) -ge $((32768 - 6))
	expect 'tracked and evicted' $((tracked + evictions)) -le 32768
	# 277 by chance, with a deviation of 23.
	expect 'found their line full' $((32768 - tracked)) -ge 80
	expect 'found their line full' $((32768 - tracked)) -le 520
}

# D11, T12: every packet is dropped, and each refusal is either an event or counted as none.
events_are_bounded() {
	local events
	attach "$(public 'limits: {packets: {rate: 1/h, burst: 1}}')" -q
	flood public --sources 1000 --repeat 2 --seconds 3
	measured "events: $(jq -c '{sent, seconds}' <<<"$sent"), $(crmgate status -j | jq -c .events)"
	events=$(crmgate status -j | jq .events)
	jq -en --argjson e "$events" --argjson f "$sent" \
		'$e.written <= (400 + 200 * ($f.taken - $f.from)) * 1.005 + 1 and $e.written >= 200'
	expect 'refusals' "$(jq '.written + .suppressed' <<<"$events")" -eq \
		"$(policy_value public dropped_packets)"
	expect 'suppressed' "$(metric crmgate_events_suppressed_total)" -eq "$(jq .suppressed <<<"$events")"
	expect_json "$(crmgate status -j)" 'any(.problems[]; .id == "events_suppressed")'
	expect 'lines in the ring' "$(crmgate events -j | wc -l)" -le 4096
}

t 'D3 forged sources of one packet: the known ones keep their state' fresh one_packet_sources ipv4
t 'D3 the same over IPv6, forged /64s' fresh one_packet_sources ipv6
t 'D3 forged sources of two packets: the known ones keep their state' \
	fresh two_packet_sources
t 'D3 forged sources of two packets: pressure is reported, a proven client loses nothing' \
	fresh pressure
t 'D3 a total for the public leaves partners alone' fresh total_of_the_public
t 'D3 a new client gets in, one packet of each forged source' fresh new_client syn,ack,data 1
t 'D3 a new client gets in, two packets of each forged source' fresh new_client syn,data 2
t 'D3 all requests are answered during a flood' fresh latency_of_the_good
t 'D5 a SYN flood on the server' fresh syn_flood
t 'D6 rotation through a /24 and a /64 meets the wider limit' fresh rotation
t 'D7 addresses in a row are spread evenly' fresh spread
t 'D11 T12 a flood of refusals gives few events, and a true count of the others' \
	fresh events_are_bounded
t 'T9 a table full of active sources still limits a new one' fresh newcomer_is_limited
t_done
