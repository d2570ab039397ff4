#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# attach.sh - what differs between kernels: the programs are taken by the verifier and
# by the driver, egress hangs on tcx or on clsact, and both count.
. "$(dirname "$0")/../netns/lib.sh"

lab_up || exit 1

file=$(public 'limits: {packets: {rate: 1/h, burst: 5}}')
[[ $(uname -r) =~ ^([0-9]+)\.([0-9]+) ]]
((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] >= 6006)) && best=tcx || best=clsact

filters() { in_host tc filter show dev crm0 egress | grep -c crmg_tc || :; }
out() { metric 'crmgate_packets_total{policy="public",direction="out"}'; }

# attached KIND: native XDP and egress by KIND, and both see what passes.
attached() {
	local passed
	expect_json "$(crmgate status -j)" --arg kind "$1" '.problems == [] and
		(.interfaces | length) == 2 and
		all(.interfaces[]; .xdp_mode == "native" and .tc == $kind)'
	expect 'clsact filters' "$(filters)" -eq "$([[ $1 == clsact ]] && echo 1 || echo 0)"
	judges "${2:-$LAB_BAD}"
	# Nothing listens: what is answered is one packet with the service's port.
	passed=$(out)
	expect_exit 1 in_good bash -c ": </dev/tcp/$LAB_CRM/443"
	expect 'refused by the host' "$OUTPUT" =~ 'Connection refused'
	expect 'out' "$(out)" -eq $((passed + 1))
}

by_default() {
	attach "$file" -q
	attached "$best"
}

# A second attach puts new programs in the place of the old.
again() {
	attach "$file" -q
	attached "$best" 198.51.100.67
}

detached() {
	crmgate detach --all -q
	expect 'XDP programs' "$(in_host ip -d link show | grep -c prog/xdp || :)" -eq 0
	expect 'clsact filters' "$(filters)" -eq 0
}

by_clsact() {
	attach "$file" --tc clsact -q
	attached clsact 198.51.100.68
	detached
}

by_tcx() {
	if [[ $best == tcx ]]; then
		attach "$file" --tc tcx -q
		attached tcx 198.51.100.69
	else
		expect_exit 1 attach "$file" --tc tcx
		expect 'names the kernel it needs' "$OUTPUT" =~ '6.6'
	fi
	detached
}

t "kernels: native XDP, and egress by $best" by_default
t 'kernels: attached again' again
t 'kernels: detached, nothing is left' detached
t 'kernels: egress by clsact when it was asked for' by_clsact
t 'kernels: egress by tcx when it was asked for' by_tcx
t_done
