#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# proof.sh - what is not enforced is found: each way in which it can happen is made, and
# `prove`, `status --check` and the metric are asked. A proof itself leaves no trace.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

PINS=$(pins)
OTHER=/sys/fs/bpf/crmgate/$LAB_INSTANCE-proof	# lab_down removes it
mkdir -p "$OTHER"
bpftool prog load "$LAB_TOOLS/pass.bpf.o" "$OTHER/pass" type xdp

file=$(policy proof <<-EOF
	version: 1
	capacity: {sources: 65536}
	services:
	  api: {transport: tcp, ports: [443], total: {limits: {packets: {rate: 9k/s}}}}
	  dns: {transport: udp, ports: [53]}
	clients:
	  partners: {prefixes: [10.4.0.0/16, "2001:db8:7::/48"]}
	  closed: {prefixes: [10.5.0.0/16]}
	policies:
	  - name: partners
	    service: api
	    clients: partners
	    limits: {packets: {rate: 200/s}, bytes: {rate: 10MB/s}, connections: {rate: 1/7d, burst: 1}}
	    total: {limits: {packets: {rate: 5k/s}}}
	    aggregate: {ipv4: 24, ipv6: 48, limits: {packets: {rate: 900/s}}}
	    ban: {after: 1}
	  - {name: trial, service: api, clients: any, mode: shadow, limits: {packets: {rate: 1G/s}}}
	  - {name: closed, service: [api, dns], clients: closed, deny: true}
	allow: [192.0.2.200/32]
EOF
)

enforced() {
	crmgate prove
	crmgate status --check
	expect 'crmgate_enforcement_ok' "$(metric crmgate_enforcement_ok)" -eq 1
	expect_json "$(crmgate status -j)" '.proof.enforced and .proof.failures == 0'
}

# not_enforced TEXT: and it is said so.
not_enforced() {
	expect_exit 4 crmgate prove
	expect 'what prove says' "$OUTPUT" =~ "$1"
	expect_exit 4 crmgate status --check
	expect 'crmgate_enforcement_ok' "$(metric crmgate_enforcement_ok)" -eq 0
	expect_json "$(crmgate status -j)" '.proof.enforced | not'
}

# All that a packet could leave, but what the kernel sends by itself.
traces() {
	crmgate status -j | jq -c '[.services, .policies, .sources, .bans, .events]'
	crmgate events -j | jq -c 'select(.kind != "enforced" and .kind != "unenforced")'
}

no_trace() {
	local before
	attach "$file"
	expect_json "$(crmgate prove -j)" \
		'.proven and .generation == 1 and .programs == 2 and .packets >= 30'
	before=$(traces)
	for ((i = 0; i < 20; i++)); do crmgate prove -q; done
	expect 'traces' "$(traces)" == "$before"
	enforced
}

link_detached() {
	bpftool link detach pinned "$PINS/xdp_crm0"
	not_enforced 'crm0 xdp: no program'
	crmgate attach crm0 -q
	enforced
}

# Found before anybody proves it, too.
foreign_program() {
	bpftool link detach pinned "$PINS/xdp_crm0"
	in_host ip link set crm0 xdp object "$LAB_TOOLS/pass.bpf.o" section xdp
	expect_exit 4 crmgate status --check
	not_enforced 'crm0 xdp: another program'
	in_host ip link set crm0 xdp off
	crmgate attach crm0 -q
	enforced
}

program_replaced() {
	"$LAB_TOOLS/relink" "$PINS/xdp_crm1" "$OTHER/pass"
	expect_exit 4 crmgate status --check
	not_enforced 'closed.* pass .not counted., but the policy says drop .denied|another program'
	crmgate status | grep -q 'pass (not counted)'
	"$LAB_TOOLS/relink" "$PINS/xdp_crm1" "$PINS/prog_xdp"
	enforced
}

tc_link_detached() {
	bpftool link detach pinned "$PINS/tc_crm1"
	not_enforced 'crm1 tc: no program'
	crmgate attach crm1 -q
	enforced
}

# The packets are under another policy than was applied.
other_image() {
	local front
	front=$(bpftool -j map show pinned "$PINS/front" | jq .id)
	bpftool map pin id "$front" "$OTHER/front"
	crmgate apply "$(public 'deny: true' denied)" -q
	expect 'after apply' "$(metric crmgate_enforcement_ok)" -eq 1
	bpftool map update pinned "$PINS/fronts" key 0 0 0 0 value pinned "$OTHER/front"
	not_enforced 'not the one that was applied'
	bpftool map update pinned "$PINS/fronts" key 0 0 0 0 value pinned "$PINS/front"
	enforced
	crmgate apply "$file" -q
}

panic_is_on() {
	crmgate panic
	expect_exit 4 crmgate status --check
	expect 'crmgate_enforcement_ok' "$(metric crmgate_enforcement_ok)" -eq 0
	# The programs do what they have to in a panic.
	crmgate prove
	crmgate resume
	crmgate status --check
	enforced
}

# A ban by hand is part of what is expected.
banned() {
	crmgate ban 10.4.0.0/17
	enforced
	crmgate unban 10.4.0.0/17
}

one_way() {
	in_host python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 53))
for i in range(100): s.sendto(b"x", ("'"$LAB_BAD"'", 9))'
	lab_until one_way_found
	expect_exit 4 crmgate status --check
	expect 'crmgate_enforcement_ok' "$(metric crmgate_enforcement_ok)" -eq 0
	expect_json "$(crmgate status -j)" \
		'[.problems[] | select(.id == "one_way_traffic")] | length == 1 and (.[0].text | test("^dns:"))'
	in_bad bash -c "echo >/dev/udp/$LAB_CRM/53"
	lab_until one_way_over
}
one_way_found() { crmgate prove -q >/dev/null; is 1 metric 'crmgate_problem{problem="one_way_traffic"}'; }
one_way_over() { crmgate prove -q >/dev/null; is 0 metric 'crmgate_problem{problem="one_way_traffic"}'; }

interface_made_again() {
	in_host ip link add prf0 type veth peer name prf1
	crmgate attach prf0 -q
	enforced
	in_host ip link del prf0
	in_host ip link add prf0 type veth peer name prf1
	not_enforced 'prf0: the interface is gone'
	crmgate detach prf0
	enforced
	in_host ip link del prf0
}

clsact_filter_removed() {
	attach "$file" --tc clsact
	enforced
	in_host tc filter del dev crm0 egress
	not_enforced 'crm0 tc: no program'
	purge
}

generic() {
	attach "$file" --mode generic
	crmgate prove
}

# Where XDP is somebody else's, the program at TC ingress is asked.
tc_ingress() {
	attach "$file" --mode tc
	enforced
	"$LAB_TOOLS/relink" "$PINS/xdp_crm0" "$PINS/prog_tc"
	not_enforced 'crm0 tc ingress'
	purge
}

t 'a proof leaves no trace' no_trace
t 'a ban is expected' banned
t 'a link that was taken off' link_detached
t 'a foreign program in the place of ours' foreign_program
t 'a pass-all program under the link' program_replaced
t 'a TC program that was taken off' tc_link_detached
t 'another policy than was applied' other_image
t 'panic is on' panic_is_on
t 'traffic that only leaves' one_way
t 'an interface that was made again' interface_made_again
t 'a clsact filter that was removed' fresh clsact_filter_removed
t 'generic XDP is proven too' fresh generic
t 'a program at TC ingress is proven' fresh tc_ingress
t_done
