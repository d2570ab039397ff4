#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# chain.sh - attach --chain beside a program that xdp-loader put into the dispatcher of libxdp:
# that sees what passes, an upgrade loses no packet, and detach leaves it. From 6.12 on the
# dispatcher of Debian 12's libxdp does not take the extension: refused, and nothing is left.
. "$(dirname "$0")/../netns/lib.sh"

lab_up || exit 1

packaging=$(dirname "$0")/../../packaging
few=$(public 'limits: {packets: {rate: 1/h, burst: 5}}')
[[ $(uname -r) =~ ^([0-9]+)\.([0-9]+) ]]
takes=$((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 6012))

dispatcher() { in_host xdp-loader status crm1; }
others() { in_host xdp-loader load -m native crm1 "$LAB_TOOLS/count.bpf.o"; }
counted() { bpftool map dump name count_seen | jq 'map(.value) | add'; }
place() { crmgate status -j | jq -c '.interfaces[] | select(.name == "crm1") | .chain'; }

alone() {
	attach "$few" --chain -q
	expect_json "$(crmgate status -j)" '.problems == [] and all(.interfaces[];
		.xdp_mode == "native" and .chain == {priority: 10, position: 1, programs: 1})'
	expect 'text' "$(crmgate status)" =~ 'native, 1 of 1'
	crmgate prove -q
	judges "$LAB_BAD"
}

beside() {
	local before
	others
	expect 'place' "$(place)" == '{"priority":10,"position":1,"programs":2}'
	enforced
	before=$(counted)
	judges 198.51.100.67
	expect 'what passed' "$(counted)" -eq $((before + 5))
}

# An attach while packets come: each is judged, and none twice.
renewed() {
	local before flood arrived
	before=$(judged public)
	lab_spawn flood bad "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" --src 198.51.100.68 \
		--dst "$LAB_SINK" --rate 200 --seconds 600 >"$LAB_DIR/sent"
	lab_until at_least $((before + 100)) judged public
	attach "$few" -q
	lab_until at_least $(($(judged public) + 100)) judged public
	lab_stop "$flood"
	arrived=$(jq .arrived "$LAB_DIR/sent")
	lab_until at_least $((before + arrived)) judged public
	expect 'judged' "$(judged public)" -eq $((before + arrived))
	expect 'place' "$(place)" == '{"priority":10,"position":1,"programs":2}'
	judges 198.51.100.69
}

# Somebody takes the dispatcher off, with all that was in it. The daemon has not the
# capability to put it back, and says who has.
taken_off() {
	local manager line
	lab_spawn manager host "$CRMGATE" daemon --manage --instance "$LAB_INSTANCE" \
		--listen "$DAEMON_AT"
	in_host xdp-loader unload crm1 --all
	lab_until told manage "CAP_SYS_ADMIN.*attach crm1 --chain"
	expect_exit 4 crmgate status --check
	expect 'says what is missing' "$OUTPUT" =~ 'crm1: the program is not in the dispatcher'
	expect_exit 4 crmgate prove -q
	lab_stop "$manager"
	# What the unit of the service runs after a start, as root.
	line=$(sed -n 's|^ExecStartPost=-+@SBINDIR@/crmgate ||p' "$packaging/crmgate.service.in")
	expect 'of the unit' "$line" =~ ^attach
	# shellcheck disable=SC2086 # words of a command
	crmgate $line
	enforced
	expect 'place' "$(place)" == '{"priority":10,"position":1,"programs":1}'
	judges 198.51.100.70
}

# kill -9 of what puts it beside another program, from its first call of bpf() to its last: it is in
# or it is said, what else is there stays, and the same again does the rest.
cut_short() {
	local times=8 all i at
	in_host xdp-loader unload crm1 --all
	FAILBPF_COUNT=$LAB_DIR/count LD_PRELOAD=$BUILD/tests/lib/failbpf.so \
		crmgate attach --missing -q
	all=$(<"$LAB_DIR/count")
	for ((i = 0; i < times; i++)); do
		in_host xdp-loader unload crm1 --all
		others
		at=$((1 + all * i / times + RANDOM % (all / times)))
		measured "killed before call $at of $all"
		FAILBPF_KILL=1 FAILBPF_FROM=$at LD_PRELOAD=$BUILD/tests/lib/failbpf.so \
			expect_exit '@(0|137)' crmgate attach --missing -q
		expect 'the other program' "$(dispatcher)" =~ 'count'
		if ! enforced; then
			expect_exit 4 crmgate status --check
			expect 'says what is missing' "$OUTPUT" =~ 'crm1'
			crmgate attach --missing -q
			enforced
		fi
		expect 'place' "$(place)" == '{"priority":10,"position":1,"programs":2}'
		judges "198.51.100.$((80 + i))"
	done
	in_host xdp-loader unload crm1 --all
	crmgate attach --missing -q
}

# Whoever may not change the dispatcher changes nothing, and says who may.
no_capability() {
	local command
	others
	for command in 'detach --all' 'detach crm1' 'detach --all --purge'; do
		# shellcheck disable=SC2086 # words of a command
		expect_exit 1 in_host setpriv --bounding-set=-sys_admin "$CRMGATE" $command \
			--instance "$LAB_INSTANCE"
		expect "$command" "$OUTPUT" =~ 'crm[01]: only who has CAP_SYS_ADMIN can take.*as root'
		enforced
	done
	judges 198.51.100.72
}

# Nothing tells which interfaces they were, and of one not even its array.
unread() {
	rm "$(pins)/ifaces" "$(pins)/xdp_crm1"
	expect_exit 1 in_host setpriv --bounding-set=-sys_admin "$CRMGATE" detach --all --purge \
		--instance "$LAB_INSTANCE"
	expect 'says what is missing' "$OUTPUT" =~ 'only who has CAP_SYS_ADMIN'
	expect_exit 0 purge
	expect 'says what it did' "$OUTPUT" =~ 'cannot be read'
	left_alone
	expect 'state' "$(find /sys/fs/bpf/crmgate -name "$LAB_INSTANCE")" == ''
}

detached() {
	purge
	left_alone
}

# The program of somebody else, which sees all that comes.
left_alone() {
	local before
	expect 'the other program' "$(dispatcher)" =~ 'count'
	expect 'ours' "$(dispatcher | grep -c crmg_chain || :)" -eq 0
	expect 'on the other interface' "$(in_host ip -d link show crm0 | grep -c prog/xdp || :)" -eq 0
	before=$(counted)
	lab_flood --dst "$LAB_SINK" --count 20 >"$LAB_DIR/sent"
	lab_until is $((before + $(jq .arrived "$LAB_DIR/sent"))) counted
}

# Into what xdp-loader has made; and not by default.
joined() {
	expect_exit 3 attach "$few" --mode native
	expect 'says what works' "$OUTPUT" =~ "'--chain' or '--mode tc'"
	attach "$few" --chain -q
	expect 'place' "$(place)" == '{"priority":10,"position":1,"programs":2}'
	judges 198.51.100.71
	expect_exit 3 in_host "$CRMGATE" attach crm1 --chain --instance "$LAB_INSTANCE-2"
}

# What was generic may have been asked for, and so it comes back.
generic() {
	attach "$few" --chain --mode generic -q
	in_host xdp-loader unload crm0 --all
	expect_exit 4 crmgate status --check
	expect 'says what is missing' "$OUTPUT" =~ 'crm0: the program is not in the dispatcher'
	crmgate attach --missing -q
	crmgate prove -q
	expect_json "$(crmgate status -j)" '[.interfaces[] | select(.name == "crm0") |
		.xdp_mode, .chain.position] == ["generic", 1]'
	purge
}

refused() {
	expect_exit 1 attach "$few" --chain
	expect 'says why' "$OUTPUT" =~ 'dispatcher of this libxdp does not take'
	expect 'says what works' "$OUTPUT" =~ '--mode tc'
	expect 'XDP programs' "$(in_host ip -d link show | grep -c prog/xdp || :)" -eq 0
	expect 'pins' "$(find /sys/fs/bpf/crmgate -name '*crm1' 2>/dev/null | wc -l)" -eq 0
}

if ((takes)); then
	t 'alone in a dispatcher' alone
	t 'before the program of somebody else, which sees what passes' beside
	t 'attached again under a flood, each packet judged once' renewed
	t 'taken off, found, and attached again' taken_off
	t 'killed while it is put beside another program' cut_short
	t 'not detached by whoever lacks the capability' no_capability
	t 'detached, the other program stays' detached
	t 'into a dispatcher that is there' joined
	t 'purged though its interfaces cannot be read' unread
	t 'in generic mode again, if it was' generic
else
	t 'refused by a dispatcher from before 6.12' refused
fi
t_done
