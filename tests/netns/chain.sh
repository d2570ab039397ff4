#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# chain.sh - attach --chain where it cannot be: the reason, what works instead, and nothing
# is left. Where it can be it is tested by tests/kernels/chain.sh.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

few=$(public 'limits: {packets: {rate: 1/h, burst: 5}}' few)

programs() { in_host ip -d link show | grep -c prog/xdp || :; }
program() { ip -n "$LAB-host" -j -d link show crm0 | jq '.[0].xdp.prog.id'; }

# A kernel without extensions: before an interface is touched.
kernel() {
	! attach "$few" --chain -q 2>/dev/null || { purge; t_skip 'this kernel has extensions'; }
	expect_exit 1 attach "$few" --chain --rehearse
	expect_exit 1 attach "$few" --chain
	expect 'says why' "$OUTPUT" =~ 'crm0: (this kernel takes no program|the dispatcher of this)'
	expect 'says what works' "$OUTPUT" =~ "'--mode tc'"
	expect 'XDP programs' "$(programs)" -eq 0
	expect_exit 1 crmgate status
	expect 'no state' "$OUTPUT" =~ 'nothing is attached'
	expect_json "$(crmgate doctor crm0 -j)" '[.findings[]? | select(.id == "xdp_owner" and
		.grade != "ok")] == []'
}

# A program in no dispatcher stays, and --chain does not fall to TC by itself.
foreign() {
	local id
	ip -n "$LAB-host" link set crm0 xdp obj "$LAB_TOOLS/pass.bpf.o" sec xdp
	id=$(program)
	expect_exit 3 attach "$few" --chain
	expect 'says whose' "$OUTPUT" =~ "crm0: another XDP program .id $id. is attached, not in a"
	expect 'says what works' "$OUTPUT" =~ "'--mode tc'"
	expect 'the same program' "$(program)" -eq "$id"
	expect 'XDP programs' "$(programs)" -eq 1
	ip -n "$LAB-host" link set crm0 xdp off
}

usage() {
	expect_exit 2 attach "$few" --chain --mode tc
	expect 'says why' "$OUTPUT" =~ 'not with --mode tc'
}

# What is attached without it stays as it is.
other_mode() {
	attach "$few" -q
	expect_exit 3 crmgate attach crm0 --chain
	expect 'says what to do' "$OUTPUT" =~ 'crm0 is attached in another mode'
	crmgate status --check -q
	expect_json "$(crmgate status -j)" 'all(.interfaces[]; .chain == null)'
	purge
}

t 'chain: refused by a kernel without extensions' kernel
t 'chain: refused beside a program that is in no dispatcher' foreign
t 'chain: not with --mode tc' usage
t 'chain: not over an interface that is attached without it' other_mode
t_done
