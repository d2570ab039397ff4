#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# chain.sh - attach --chain where it cannot be: the reason, what works instead, and nothing
# is left. Where it can be it is tested by tests/kernels/chain.sh.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

packaging=$(dirname "$0")/../../packaging
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

# After a reboot of a host that had it: the daemon has not the capability, puts back what it can
# and says who puts back the rest. Its unit has a line that does it as root, where it can be.
rebooted() {
	local state=/var/lib/crmgate/$LAB_INSTANCE line edited
	manager=
	line=$(sed -n 's|^ExecStartPost=-+@SBINDIR@/crmgate ||p' "$packaging/crmgate.service.in")
	expect 'of the unit' "$line" =~ ^attach
	trap 'daemon_killed $manager' EXIT
	attach "$few" -q
	serve
	lab_until managed
	lab_stop "$manager"
	lab_until ended
	rm -r "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	edited=$(jq '.interfaces[].chained = true' "$state/interfaces.json")
	cat <<<"$edited" >"$state/interfaces.json"
	serve
	lab_until told manage 'crm1: only who has CAP_SYS_ADMIN .*attach crm1 --chain'
	told restored 'after a reboot: generation 1, .* 2 interfaces'
	expect_exit 4 crmgate status --check
	expect 'says what is missing' "$OUTPUT" =~ 'crm1: the program is not in the dispatcher'
	expect_json "$(crmgate status -j)" 'all(.interfaces[]; .tc != "none")'
	# shellcheck disable=SC2086 # words of a command
	expect_exit '[01]' crmgate $line
	enforced || told manage 'crm1: (this kernel takes no program|the dispatcher of this)'
}
# As the service does, without what it may not have.
serve() {
	lab_spawn manager host setpriv --bounding-set=-sys_admin "$CRMGATE" daemon --manage \
		--instance "$LAB_INSTANCE" --listen "$DAEMON_AT"
}

t 'chain: refused by a kernel without extensions' kernel
t 'chain: refused beside a program that is in no dispatcher' foreign
t 'chain: not with --mode tc' usage
t 'chain: not over an interface that is attached without it' other_mode
t 'chain: after a reboot the daemon says who puts it back, and the unit does' rebooted
t_done
