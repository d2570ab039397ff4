#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tcmode.sh - attach --mode tc: the same decisions beside an XDP program of somebody
# else, which stays; resets to real clients; C10: what GRO put together counts as what
# was on the wire, and nothing legal is dropped.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

file=$(public 'limits: {connections: {rate: 1/h, burst: 5}}, on_exceed: reset')
few=$(public 'limits: {packets: {rate: 1/h, burst: 5}}' few)
wide=$(public 'limits: {packets: {rate: 1M/s}}' wide)

foreign_on() {
	foreign_off "$1"
	ip -n "$LAB-host" link set "$1" xdp obj "$LAB_TOOLS/pass.bpf.o" sec xdp
}
foreign_off() { ip -n "$LAB-host" link set "$1" xdp off; }
foreign_id() { ip -n "$LAB-host" -j -d link show "$1" | jq '.[0].xdp.prog.id'; }
tc_programs() { in_host bpftool net show dev "$1" | grep -c crmg_tc || :; }

# By itself only where XDP is taken; the foreign program stays, before and after.
falls_back() {
	local id
	foreign_on crm1
	id=$(foreign_id crm1)
	expect_exit 0 attach "$few"
	expect 'warns' "$OUTPUT" =~ "crm1: another XDP program .id $id. "
	expect_json "$(crmgate status -j)" '(.interfaces | map(.xdp_mode) == ["native", "tc"]) and
		(.problems | map(.id) == ["tc_mode"])'
	crmgate status --check
	expect 'metric' "$(metric 'crmgate_problem{problem="tc_mode"}')" -eq 1
	expect 'attached' "$(metric 'crmgate_interface_attached{interface="crm1",hook="tc",mode="tc"}')" -eq 1
	judges "$LAB_BAD"
	expect 'foreign program' "$(foreign_id crm1)" -eq "$id"
	purge
	expect 'foreign program after detach' "$(foreign_id crm1)" -eq "$id"
	expect 'programs left' "$(tc_programs crm1)" -eq 0
	foreign_off crm1
}

# Who asked for native or generic is refused; nothing changes.
asked_for_xdp() {
	local id mode
	foreign_on crm1
	id=$(foreign_id crm1)
	for mode in native generic; do
		expect_exit 3 attach "$few" --mode "$mode"
		expect 'says what works' "$OUTPUT" =~ 'mode tc'
	done
	expect 'foreign program' "$(foreign_id crm1)" -eq "$id"
	foreign_off crm1
}

# by_kind KIND: asked for, it is no problem; renewed in place, and taken off without a trace.
by_kind() {
	attach "$few" --mode tc --tc "$1" -q
	expect_json "$(crmgate status -j)" --arg kind "$1" '.problems == [] and
		all(.interfaces[]; .xdp_mode == "tc" and .tc == $kind)'
	judges "$LAB_BAD"
	attach "$few" -q
	crmgate status --check
	judges 198.51.100.67
	expect_exit 3 crmgate attach crm0 --mode native
	purge
	expect 'programs left' "$(tc_programs crm0)" -eq 0
}

# A filter that has the first place keeps it.
foreign_filter() {
	in_host tc qdisc replace dev crm0 clsact
	in_host tc filter add dev crm0 ingress protocol all pref 1 handle 1 bpf bytecode '1,6 0 0 0,'
	expect_exit 3 crmgate attach crm0 --mode tc --tc clsact --policy "$few"
	expect 'names the interface' "$OUTPUT" =~ 'crm0: another filter'
	in_host tc filter show dev crm0 ingress | grep -q bytecode
	in_host tc qdisc del dev crm0 clsact
}

severed() {
	attach "$few" --mode tc -q
	bpftool link detach pinned "$(pins)/xdp_crm0"
	expect_exit 4 crmgate status --check
	crmgate attach crm0 --mode tc -q
	crmgate status --check
	purge
}

# resets HOST CLIENT: "connection refused" for who is proven, whether the checksums of
# what arrives (CLIENT) and of what leaves (HOST) are left to the card or not.
resets() {
	local i refused=0 status
	in_host ethtool -K crm1 tx "$1" >/dev/null
	in_bad ethtool -K abu0 tx "$2" >/dev/null
	foreign_on crm1
	attach "$file" -q
	for ((i = 0; i < 12; i++)); do
		status=0
		in_bad curl -sk --max-time 3 -o "$LAB_DIR/got" "https://$LAB_CRM/api/contacts" ||
			status=$?
		((status == 0 || status == 7)) || { echo "curl: $status"; return 1; }
		((status == 0)) || ((++refused))
	done
	expect 'refused' "$refused" -eq 7
	expect 'sent' "$(metric crmgate_resets_total)" -eq 7
	expect 'counted' "$(metric 'crmgate_packets_total{verdict="reset"}')" -eq 7
	purge
	foreign_off crm1
}

no_reflector() {
	attach "$file" --mode tc -q
	flood public --count 5000
	expect 'resets' "$(metric crmgate_resets_total)" -eq 0
	purge
}

out_segments() { in_good awk '/^Tcp: [0-9]/ { print $12 }' /proc/net/snmp; }

# large MTU: nothing legal is dropped, and packets are those that the sender's stack sent.
large() {
	local sent_before
	ip -n "$LAB-host" link set crm0 mtu "$1"
	ip -n "$LAB-good" link set int0 mtu "$1"
	crmgate attach crm0 --mode tc --policy "$wide" -q
	sent_before=$(out_segments)
	lab_curl good -f --data-binary @"$LAB_DIR/export.bin" -H 'Expect:' \
		https://crm.example/api/contacts | grep Turing
	lab_curl good -f https://crm.example/api/export | cmp - "$LAB_DIR/export.bin"
	expect 'dropped' "$(policy_value public dropped_packets)" -eq 0
	measured "mtu $1: $(judged public) packets"
	expect_near 'packets' "$(judged public)" $(($(out_segments) - sent_before))
	expect 'bytes' "$(metric 'crmgate_bytes_total{direction="in"}')" -gt \
		$((2000000 + 2000000 / $1 * 54))
	purge
	ip -n "$LAB-good" link set int0 mtu 1500
	ip -n "$LAB-host" link set crm0 mtu 1500
}

# Whoever is attached stays, wherever he judges; the other one is refused, and changes nothing.
two_instances() {
	other() { in_host "$CRMGATE" "$1" --instance "$LAB_INSTANCE-b" "${@:2}"; }
	local first second
	for first in tc 'tc --tc clsact' native; do
		# shellcheck disable=SC2086
		attach "$few" --mode $first -q
		for second in tc 'tc --tc clsact' auto generic; do
			# shellcheck disable=SC2086
			expect_exit 3 other attach crm1 --policy "$few" --mode $second
			expect 'what it says' "$OUTPUT" =~ 'another instance of crmgate is attached'
			# shellcheck disable=SC2086
			expect_exit 3 other attach crm1 --policy "$few" --mode $second --rehearse
			crmgate status --check -q
		done
		judges "$LAB_BAD"
		purge
	done
	other attach crm1 --policy "$few" --mode tc -q
	other status --check -q
	other detach --all --purge -q
}

t 'B10 auto: TC ingress beside a foreign XDP program' fresh falls_back
t 'B8 native or generic beside a foreign program is refused' fresh asked_for_xdp
[[ $(uname -r) =~ ^([0-9]+)\.([0-9]+) ]]
if ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] >= 6006)); then
	t 'tc: by tcx' fresh by_kind tcx
	t 'B8 a link that was taken off is missed' fresh severed
fi
t 'tc: by clsact' fresh by_kind clsact
t 'B8 a foreign filter keeps its place' fresh foreign_filter
for host in on off; do
	for client in on off; do
		t "tc: resets refuse connections; offload here $host, there $client" \
			fresh resets "$host" "$client"
	done
done
t 'tc: a forged SYN gets no RST' fresh no_reflector
t 'C10 MTU 1500: what GRO put together counts as it was sent' fresh large 1500
t 'C10 MTU 9000: the same' fresh large 9000
t 'B8 two instances on one interface' two_instances
t_done
