#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# modes.sh - B10, C10: large frames, interfaces that cannot do native XDP, foreign
# programs, resets.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

file=$(public 'limits: {connections: {rate: 1/h, burst: 5}}, on_exceed: reset')

large_frames() {
	ip -n "$LAB-host" link set crm0 mtu 9000
	ip -n "$LAB-good" link set int0 mtu 9000
	crmgate attach crm0 --policy "$file"
	expect_json "$(crmgate status -j)" '.interfaces[0].xdp_mode == "native" and .problems == []'
	lab_curl good -f --data-binary @"$LAB_DIR/export.bin" -H 'Expect:' \
		https://crm.example/api/contacts | grep Turing
	lab_curl good -f https://crm.example/api/export | cmp - "$LAB_DIR/export.bin"
	purge
	ip -n "$LAB-good" link set int0 mtu 1500
	ip -n "$LAB-host" link set crm0 mtu 1500
}

# More transmit queues on the far end than receive queues here: native is refused.
no_native() {
	ip link add odd0 netns "$LAB-host" numrxqueues 1 type veth \
		peer name odd1 netns "$LAB-good" numtxqueues 2
	in_good ethtool -L odd1 tx 2
	ip -n "$LAB-host" link set odd0 up
	ip -n "$LAB-good" link set odd1 up
	expect_exit 1 crmgate attach odd0 --mode native
	expect 'names the interface' "$OUTPUT" =~ 'odd0'
	expect_exit 1 crmgate status
	expect_exit 0 crmgate attach odd0 --policy "$file"
	expect 'warns' "$OUTPUT" =~ 'generic'
	expect_json "$(crmgate status -j)" '.interfaces[0].xdp_mode == "generic" and
		(.problems | map(.id) == ["generic_mode"])'
	expect_exit 4 crmgate status --check
	expect 'metric' "$(metric 'crmgate_problem{problem="generic_mode"}')" -eq 1
	expect 'metric' "$(metric 'crmgate_interface_attached{mode="generic"}')" -eq 1
	purge
}

# C10: generic XDP sees what GRO has put together; no legal traffic is dropped.
generic_traffic() {
	crmgate attach crm0 --mode generic --policy "$(public 'limits: {packets: {rate: 1M/s}}' wide)"
	lab_curl good -f --data-binary @"$LAB_DIR/export.bin" -H 'Expect:' \
		https://crm.example/api/contacts | grep Turing
	lab_curl good -f https://crm.example/api/export | cmp - "$LAB_DIR/export.bin"
	expect 'dropped' "$(policy_value public dropped_packets)" -eq 0
	purge
}

all_or_none() {
	expect_exit 1 crmgate attach crm0 nosuch0 --policy "$file"
	expect 'names it' "$OUTPUT" =~ 'nosuch0'
	expect 'XDP programs' "$(in_host ip -d link show | grep -c prog/xdp || :)" -eq 0
	expect_exit 1 crmgate status
}

foreign_program() {
	ip -n "$LAB-host" link set crm1 xdp obj "$LAB_TOOLS/pass.bpf.o" sec xdp
	expect_exit 3 crmgate attach crm0 crm1 --mode native --policy "$file"
	expect 'names the interface' "$OUTPUT" =~ 'crm1'
	in_host ip -d link show crm1 | grep -q 'name pass'
	in_host ip -d link show crm0 | grep -q prog/xdp && return 1
	ip -n "$LAB-host" link set crm1 xdp off
}

# on_exceed: reset: real clients get "connection refused", and it is counted.
resets() {
	local i refused=0 status
	lab_pass
	attach "$file"
	for ((i = 0; i < 20; i++)); do
		status=0
		in_bad curl -sk --max-time 3 -o "$LAB_DIR/got" "https://$LAB_CRM/api/contacts" ||
			status=$?
		((status == 0 || status == 7)) || { echo "curl: $status"; return 1; }
		((status == 0)) || ((++refused))
	done
	expect 'refused' "$refused" -eq 15
	expect 'counted' "$(metric 'crmgate_packets_total{verdict="reset"}')" -eq 15
	expect 'sent' "$(metric crmgate_resets_total)" -eq 15
	expect 'drops' "$(metric 'crmgate_drops_total{reason="connections"}')" -eq 15
	purge
}

# Who may be forged is dropped without an answer, which also is no reset too many.
no_reflector() {
	attach "$file"
	flood public --count 20000
	expect 'dropped' "$(policy_value public dropped_packets)" -eq \
		$(($(jq .arrived <<<"$sent") - 5))
	expect 'resets' "$(metric crmgate_resets_total)" -eq 0
	expect 'too many' "$(metric crmgate_resets_suppressed_total)" -eq 0
	purge
}

# At most 1000 resets a second, here to a client that had a connection: the rest is dropped.
resets_are_bounded() {
	attach "$file"
	in_bad curl -sk --max-time 3 -o "$LAB_DIR/got" "https://$LAB_CRM/api/contacts"
	flood public --seconds 2
	jq -en --argjson r "$(metric crmgate_resets_total)" --argjson f "$sent" \
		'$r > 1000 and $r <= 1000 + 1000 * ($f.taken - $f.from) * 1.005' ||
		{ metric crmgate_resets_total; return 1; }
	expect 'drop and reset' "$(policy_value public dropped_packets)" -eq \
		$(($(jq .arrived <<<"$sent") - 4))
	purge
}

# What is refused changes nothing: neither policy nor mode.
refused_changes_nothing() {
	local one two other=clsact
	one=$(public 'limits: {packets: {rate: 1000/s}}')
	two=$(sed 's|rate: 1000/s|rate: 7/s|' "$one" | policy two)
	attach "$one" -q
	expect_exit 3 crmgate attach crm0 --mode generic
	[[ $(crmgate status -j | jq -r '.interfaces[0].tc') == tcx ]] || other=tcx
	expect_exit 3 crmgate attach crm0 --tc "$other"
	in_host ip link add rvx0 type veth peer name rvx1
	in_host ip link set rvx0 xdp object "$LAB_TOOLS/pass.bpf.o" section xdp
	expect_exit 3 crmgate attach rvx0 --mode native --policy "$two"
	in_host ip link del rvx0
	expect 'generation' "$(metric crmgate_policy_generation)" -eq 1
	purge
}

# A link that somebody took off is put back by attach.
severed_link() {
	attach "$(public 'limits: {packets: {rate: 1000/s}}')" -q
	bpftool link detach pinned "$(pins)/xdp_crm0"
	expect_exit 4 crmgate status --check
	crmgate attach crm0 -q
	crmgate status --check
	purge
}

t 'B10 MTU 9000' fresh large_frames
t 'B10 no native mode: generic with a warning, or an error if it was asked for' fresh no_native
t 'C10 generic mode drops nothing legal' fresh generic_traffic
t 'main: all named interfaces or none' fresh all_or_none
t 'B8 a foreign program is left alone' fresh foreign_program
t 'main: reset refuses connections' fresh resets
t 'main: a forged SYN gets no RST' fresh no_reflector
t 'main: resets are bounded' fresh resets_are_bounded
t 'main: what is refused changes nothing' refused_changes_nothing
t 'B8 attach puts back a link that was taken off' severed_link
t_done
