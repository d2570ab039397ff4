#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# series.sh - a million sources: metrics stay as small and as fast as with one, a
# full table still limits, readers end while entries come and go.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

file=$(policy series <<-EOF
	version: 1
	capacity: {sources: 65536}
	services: {api: {transport: udp, ports: [443]}}
	policies: [{name: public, service: api, clients: any,
	            limits: {packets: {rate: 100/s, burst: 100}}}]
EOF
)
attach "$file" -q || exit 1

series() { crmgate metrics | grep -vc '^#'; }

a_million_sources() {
	local before size
	before=$(series)
	flood public --kind udp --src 10.0.0.1 --sources 1000000 --count 1000000
	expect 'series' "$(series)" -eq "$before"
	size=$(crmgate metrics | wc -c)
	expect 'bytes of a scrape' "$size" -lt 100000
	expect 'addresses in the metrics' "$(crmgate metrics | grep -c '10\.0\.' || :)" -eq 0
	expect 'tracked' "$(metric crmgate_sources_tracked)" -le 65536
	expect 'tracked' "$(metric crmgate_sources_tracked)" -gt 60000
	expect 'evictions' "$(metric crmgate_source_evictions_total)" -gt 900000
}

# T9: the table is full; who comes now is limited all the same.
full_table() {
	local passed
	passed=$(policy_value public passed_packets)
	flood public --kind udp --seconds 2
	passed=$(($(policy_value public passed_packets) - passed))
	expect_rate 'passed' "$passed" 100 100
}

# D12, E1: two scrapers and top while the table turns over.
churn() {
	local flood i
	nsenter --net="/run/netns/$LAB-bad" "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" \
		--src 10.0.0.1 --dst "$LAB_SINK" --kind udp --sources 1000000 --seconds 600 \
		>"$LAB_DIR/flood" &
	flood=$!
	for ((i = 0; i < 10; i++)); do
		timeout 60 nsenter --net="/run/netns/$LAB-host" "$CRMGATE" metrics \
			--instance "$LAB_INSTANCE" | promtool check metrics &
		timeout 60 nsenter --net="/run/netns/$LAB-host" "$CRMGATE" metrics \
			--instance "$LAB_INSTANCE" | promtool check metrics
		wait $!
		timeout 60 nsenter --net="/run/netns/$LAB-host" "$CRMGATE" top -j -n 5 \
			--instance "$LAB_INSTANCE" >"$LAB_DIR/top"
		expect_json "$(<"$LAB_DIR/top")" '.sources | length <= 5'
	done
	lab_stop "$flood"
}

# E3: a scrape reads counters, not sources; the bound leaves room for two busy cores.
scrape_time() {
	local daemon seconds
	lab_spawn daemon host "$CRMGATE" daemon --instance "$LAB_INSTANCE" --listen 127.0.0.1:9752
	lab_until in_host curl -sf http://127.0.0.1:9752/healthz -o "$LAB_DIR/got"
	seconds=$(in_host curl -sf http://127.0.0.1:9752/metrics -o "$LAB_DIR/got" -w '%{time_total}')
	jq -en "$seconds < 0.5"
	lab_stop "$daemon"
}

t 'T24 E3 a million sources, and the series stay the same' a_million_sources
t 'T9 a full table still limits a new source' full_table
t 'D12 E1 readers end while sources come and go' churn
t 'E3 a scrape does not wait for a million sources' scrape_time
t_done
