#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# exact.sh - a limit is burst + rate * t, whatever is offered, from counters.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

file=$(policy exact <<-EOF
	version: 1
	capacity: {sources: 262144}
	services:
	  slow:   {transport: udp, ports: [9001]}
	  medium: {transport: udp, ports: [9002]}
	  fast:   {transport: udp, ports: [9003]}
	  bytes:  {transport: udp, ports: [9004]}
	  paced:  {transport: udp, ports: [9005]}
	  shared: {transport: udp, ports: [9006]}
	  first:  {transport: udp, ports: [9007]}
	  syn:    {transport: tcp, ports: [443]}
	policies:
	  - {name: slow, service: slow, clients: any, limits: {packets: {rate: 10/s}}}
	  - {name: medium, service: medium, clients: any, limits: {packets: {rate: 1000/s}}}
	  - {name: fast, service: fast, clients: any, limits: {packets: {rate: 50k/s}}}
	  - {name: bytes, service: bytes, clients: any, limits: {bytes: {rate: 10MB/s}}}
	  - {name: paced, service: paced, clients: any, limits: {packets: {rate: 10/s}}}
	  - {name: shared, service: shared, clients: any, limits: {packets: {rate: 3000/s}}}
	  - {name: first, service: first, clients: any, limits: {packets: {rate: 1/h, burst: 2}}}
	  - {name: syn, service: syn, clients: any, limits: {connections: {rate: 1000/s}}}
EOF
)

one_source() {
	flood "$1" --kind udp --port "$2" --seconds 2
	expect_rate "passed at $3/s" "$(policy_value "$1" passed_packets)" "$3" "$3"
	expect 'judged' "$(judged "$1")" -eq "$(jq .arrived <<<"$sent")"
}

connections() {
	flood syn --seconds 2
	expect_rate 'connections' \
		"$(metric 'crmgate_connections_total{policy="syn",verdict="pass"}')" 1000 1000
}

bytes() {
	local passed
	flood bytes --kind udp --port 9004 --seconds 2 --size 1000
	passed=$(policy_value bytes passed_packets)
	expect_rate 'frames of 1000 bytes' "$passed" 10000 10000
	expect 'bytes' "$(metric 'crmgate_bytes_total{policy="bytes",direction="in",verdict="pass"}')" \
		-eq $((passed * 1000))
}

paced() {
	flood paced --kind udp --port 9005 --seconds 10 --rate 1000
	expect_rate 'passed' "$(policy_value paced passed_packets)" 10 10
}

two_cpus() {
	local one
	taskset -c 0 nsenter --net="/run/netns/$LAB-bad" "$LAB_TOOLS/flood" abu0 \
		--mac "$LAB_MAC1" --src "$LAB_BAD" --dst "$LAB_SINK" --kind udp --port 9006 \
		--seconds 3 >"$LAB_DIR/one" &
	one=$!
	taskset -c 1 nsenter --net="/run/netns/$LAB-bad" "$LAB_TOOLS/flood" abu0 \
		--mac "$LAB_MAC1" --src "$LAB_BAD" --dst "$LAB_SINK" --kind udp --port 9006 \
		--seconds 3 >"$LAB_DIR/two"
	wait "$one"
	lab_until quiet shared
	# Neither knows of the other's frames in the queues; one more, for no service, says how late it is.
	lab_flood --count 1 --port 9 >"$LAB_DIR/later"
	sent=$(jq -cs '{from: map(.from) | min, begun: map(.begun) | min, to: .[:2] | map(.to) | max,
		taken: .[2].from}' "$LAB_DIR/one" "$LAB_DIR/two" "$LAB_DIR/later")
	expect_rate 'passed over two CPUs' "$(policy_value shared passed_packets)" 3000 3000
}

first_packets() {
	# So few that no line of the table has more sources than ways: it would forget one.
	local sources=5000 cpu passed pids=()
	for cpu in 0 1; do
		taskset -c "$cpu" nsenter --net="/run/netns/$LAB-bad" "$LAB_TOOLS/flood" abu0 \
			--mac "$LAB_MAC1" --src 10.0.0.1 --dst "$LAB_SINK" --kind udp --port 9007 \
			--sources "$sources" --count $((sources * 5)) >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
	lab_until quiet first
	passed=$(policy_value first passed_packets)
	expect 'passed' "$passed" -le $((2 * sources))
	expect 'passed' "$passed" -ge $((2 * sources * 995 / 1000))
}

attach "$file" -q || exit 1
t 'D1 one source at full speed against 10/s' one_source slow 9001 10
t 'D1 one source at full speed against 1000/s' one_source medium 9002 1000
t 'D1 one source at full speed against 50k/s' one_source fast 9003 50000
t 'D1 new connections at full speed against 1000/s' connections
t 'D1 bytes at full speed against 10MB/s' bytes
t 'T10 10/s fed at 1 kHz' paced
t 'D2 one source over two CPUs' two_cpus
t 'T8 first packets of many sources race on two CPUs' first_packets
t_done
