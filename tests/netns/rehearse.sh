#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# rehearse.sh - attach --rehearse: another build's programs are loaded and tested beside
# those that are attached, and nothing is changed.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

BUILDS=$BUILD/tests/upgrade
PINS=/sys/fs/bpf/crmgate/$LAB_INSTANCE

# with BUILD COMMAND...: crmgate COMMAND of another build of tests/upgrade.
with() { CRMGATE=$BUILDS/$1/crmgate crmgate "${@:2}"; }

file=$(public 'limits: {packets: {rate: 1000/s}, connections: {rate: 10/s}}')

# All that a rehearsal could have changed; neighbours ask for addresses all the time.
everything() {
	in_host bpftool -j net show
	in_host tc qdisc show
	find "$PINS" -printf '%p %i\n' | sort
	crmgate status -j | jq 'del(.. | .time?, .uptime?, .other_packets?)'
	crmgate bans -j
	crmgate events -j
	cat "/var/lib/crmgate/$LAB_INSTANCE/audit.log"
}

# rehearsed STATUS BUILD OPTION...: what it printed in $OUTPUT; nothing is different afterwards.
rehearsed() {
	local before
	before=$(everything)
	expect_exit "$1" with "$2" attach --rehearse crm0 crm1 "${@:3}"
	expect 'what is there' "$(diff <(echo "$before") <(everything))" == ''
}

another_build() {
	attach "$file" -q
	flood public --count 5000
	crmgate ban 203.0.113.77
	rehearsed 0 newer
	expect 'said' "$OUTPUT" =~ 'generation 1: '[0-9]+' packets through 2 programs, 0 failures; nothing was changed'
	rehearsed 0 newer --policy "$file"
	rehearsed 0 newer -j
	expect_json "$OUTPUT" '.rehearsed and .proven and .generation == 1 and .programs == 2 and .packets > 4'
	expect_exit 0 with newer attach crm0 crm1 -q
	expect_exit 0 crmgate status --check
}

# Of a build with other tables: in tables of its own, which nobody sees.
older_state() {
	attach "$file" -q --tc clsact
	flood public --count 5000
	crmgate ban 203.0.113.77
	crmgate ban 198.18.0.0/28 --service api
	rehearsed 0 next
	expect 'said' "$OUTPUT" =~ 'generation 1: '[0-9]+' packets through 2 programs, 0 failures; nothing was changed'
	rehearsed 0 next --policy "$(public 'deny: true' closed)"
	rehearsed 3 next --mode tc
	expect 'words' "$OUTPUT" =~ 'attached in another mode'
	crmgate apply "$file" --confirm 60s -q
	rehearsed 3 next
	expect 'words' "$OUTPUT" =~ 'waits to be confirmed'
}

refused() {
	attach "$file" -q
	rehearsed 1 refused
	expect 'plain words' "$OUTPUT" =~ 'reaches outside a packet'
}

# The kernel takes this one; that it lets pass what the policy refuses, only a test shows.
wrong() {
	attach "$file" -q
	rehearsed 4 wrong
	expect 'said' "$OUTPUT" =~ "would not be enforced: this build's xdp: api/public, from ".*'pass'.*'but the policy says drop'
	expect_exit 0 crmgate prove
}

# Where nothing is attached yet: the policy of the command on tables of its own.
first_attach() {
	local other log=/var/lib/crmgate/$LAB_INSTANCE/audit.log lines
	lines=$(wc -l <"$log")
	expect_exit 0 crmgate attach --rehearse crm0 crm1 --policy "$file"
	expect 'said' "$OUTPUT" =~ 'nothing was changed'
	expect_exit 0 crmgate attach --rehearse crm0 --policy "$file" --mode tc
	expect 'said' "$OUTPUT" =~ 'through 3 programs'
	expect_exit 4 with wrong attach --rehearse crm0 --policy "$file"
	expect_exit 1 with refused attach --rehearse crm0 --policy "$file"
	expect_exit 1 crmgate attach --rehearse none0 --policy "$file"
	other=$(in_host bpftool -j net show)
	expect_json "$other" '.[0].xdp == [] and .[0].tc == []'
	[[ ! -e $PINS ]]
	expect 'lines of the audit log' "$(wc -l <"$log")" -eq "$lines"
	expect_exit 1 crmgate status
}

# What would refuse the attach refuses the rehearsal, in the same words.
would_refuse() {
	attach "$file" -q
	expect_exit 3 crmgate attach --rehearse crm0 --mode generic
	expect 'words' "$OUTPUT" =~ 'attached in another mode'
	crmgate detach crm1
	in_host ip link set crm1 xdp obj "$LAB_TOOLS/pass.bpf.o" sec xdp
	expect_exit 3 crmgate attach --rehearse crm1 --mode native
	expect 'words' "$OUTPUT" =~ 'another XDP program'
	rehearsed 0 newer --mode auto
	expect 'TC ingress too' "$OUTPUT" =~ 'through 3 programs'
	in_host ip link set crm1 xdp off
}

t 'attach --rehearse of another build changes nothing' fresh another_build
t 'attach --rehearse of a build with other tables changes nothing' fresh older_state
t 'attach --rehearse of a build that the kernel refuses' fresh refused
t 'attach --rehearse finds a build that does not enforce' fresh wrong
t 'attach --rehearse of a first attach' fresh first_attach
t 'attach --rehearse refuses what attach would refuse' fresh would_refuse
t_done
