#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# killed.sh - kill -9 at 200 random moments during apply, attach, upgrade and ban: what was
# in force before or what was to be is in force, whole, and the next command works. Two of four
# moments are before a bpf() call, the others are at a time, which may be after the end: so both of
# what a test does by turns meet both.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

NEWER=$BUILD/tests/upgrade/newer/crmgate
APPLIES=70 BANS=80 ATTACHES=25 UPGRADES=25
SEED=$RANDOM
RANDOM=$SEED
echo "# seed $SEED"

export SOURCES=4096
closed=$(public 'deny: true' closed)
open=$(public 'limits: {packets: {rate: 1000/s}}' open)

# killed COMMAND...: crmgate COMMAND, killed at a random moment of its life, which
# `measure` has found out; $moment says when. It may have come to its end.
killed() {
	local status=0
	if ((i / 2 % 2)); then
		moment="before bpf() call $((RANDOM % calls + 1))"
		FAILBPF_KILL=1 FAILBPF_FROM=${moment##* } LD_PRELOAD=$BUILD/tests/lib/failbpf.so \
			crmgate "$@" &>/dev/null || status=$?
	else
		moment="after $((RANDOM % took)) us"
		moment_us=${moment#after } moment_us=${moment_us% us}
		in_host timeout -s KILL "$(printf '0.%06d' "$moment_us")" "$CRMGATE" "$1" \
			--instance "$LAB_INSTANCE" "${@:2}" &>/dev/null || status=$?
	fi
	((status == 0 || status == 137)) || { echo "status $status"; return 1; }
	((status == 0)) || ((++hits))
} 2>/dev/null

# measure COMMAND...: how long it takes, in $took (us, below 1 s), and its $calls of bpf().
measure() {
	local start=${EPOCHREALTIME/./}
	FAILBPF_COUNT=$LAB_DIR/count LD_PRELOAD=$BUILD/tests/lib/failbpf.so crmgate "$@" >/dev/null
	took=$((${EPOCHREALTIME/./} - start)) calls=$(<"$LAB_DIR/count")
	((took < 1000000)) || took=999999
}

# The policy in force, as the kernel has it, without what is new with each apply.
in_force() { crmgate show limits -j | jq -Sc .; }
enforced() { crmgate prove >/dev/null && crmgate status --check >/dev/null; }

# many NUMBER FUNCTION: runs it so often; says at which moment it failed. (The functions end
# at what fails by themselves: in a condition `set -e` does not hold.)
many() {
	local i moment='' moment_us hits=0 complaints=0
	for ((i = 0; i < $1; i++)); do
		"$2" || { echo "^ killed $moment"; ((++complaints)); }
	done
	measured "$1 times, $hits of them before its end"
	expect 'complaints' "$complaints" -eq 0
	expect 'killed before the end' "$hits" -gt $(($1 / 4))
}

apply_one() {
	local before after
	before=$(in_force) &&
		killed apply "$next" -q &&
		after=$(in_force) &&
		[[ $after == "$before" || $after == "$wanted" ]] &&
		enforced &&
		crmgate apply "$next" -q &&
		expect 'after the next apply' "$(in_force)" == "$wanted" || return
	if [[ $next == "$open" ]]; then next=$closed wanted=$is_closed; else next=$open wanted=$is_open; fi
}

applies() {
	local next wanted is_open is_closed
	attach "$open" -q
	is_open=$(in_force)
	measure apply "$closed" -q
	is_closed=$(in_force)
	expect 'policies' "$is_open" != "$is_closed"
	next=$open wanted=$is_open
	many "$APPLIES" apply_one
}

# Packets of the banned address that are refused for the ban, of 20.
refused_for_ban() {
	local before
	before=$(metric 'crmgate_drops_total{policy="public",reason="banned"}')
	flood public --src "$1" --count 20
	echo $(($(metric 'crmgate_drops_total{policy="public",reason="banned"}') - before))
}
listed() { crmgate bans -j | jq --arg p "$1" '[.bans[] | select(.prefix == $p)] | length'; }

# With others, so that it takes a while. What the list says is what happens to packets.
ban_one() {
	local address=100.64.0.$((RANDOM % 250)) prefix verb=ban is
	prefix=$address
	((RANDOM % 2)) || prefix=${address%.*}.0/24
	[[ $(listed "$prefix") == 0 ]] || verb=unban
	# A source that is known has to ask again.
	lab_flood --dst "$LAB_SINK" --src "$address" --count 5 >/dev/null
	killed "$verb" "$prefix" 198.18.0.{1..20} -q || return
	is=$(($(listed "$prefix") + $(listed "$address") + $(listed "${address%.*}.0/24")))
	expect "refused, $verb $prefix" "$(refused_for_ban "$address")" -eq $((is ? 20 : 0)) &&
		crmgate "$verb" "$prefix" -q &&
		expect "listed after the next $verb" "$(listed "$prefix")" -eq \
			"$([[ $verb == unban ]]; echo $?)" &&
		enforced
}

bans() {
	attach "$(public '' unlimited)" -q
	measure ban 198.18.0.{0..20} -q
	many "$BANS" ban_one
}

# What is attached is whole, or said; the next attach does the rest.
attach_one() {
	killed attach crm0 crm1 --policy "$closed" -q "${options[@]}" || return
	if crmgate status --check &>/dev/null; then
		enforced || return
	fi
	crmgate attach crm0 crm1 --policy "$closed" -q "${options[@]}" &&
		enforced &&
		expect_json "$(crmgate status -j)" '.interfaces | map(.xdp_mode) == ["native", "native"]' &&
		purge -q &&
		nothing_left
}
nothing_left() {
	[[ ! -e /sys/fs/bpf/crmgate/$LAB_INSTANCE &&
		$(in_host bpftool -j net show | jq '[.[] | .xdp, .tc | length] | add') == 0 ]]
}

attaches() {
	local options=("$@")
	measure attach crm0 crm1 --policy "$closed" -q "$@"
	purge -q
	many "$((ATTACHES / 2 + 1))" attach_one
}

# The first policy comes with many calls: one that nothing may be mixed up with afterwards
# is among those that this meets, wherever the random moments are.
first_policies() {
	local at left
	measure attach crm0 crm1 --policy "$closed" -q
	for ((at = 2; at < calls / 2; at += 8)); do
		purge -q
		FAILBPF_KILL=1 FAILBPF_FROM=$at LD_PRELOAD=$BUILD/tests/lib/failbpf.so \
			crmgate attach crm0 --policy "$closed" -q &>/dev/null || :
		left=$(find "/sys/fs/bpf/crmgate/$LAB_INSTANCE" -type f | wc -l)
		crmgate attach crm0 --policy "$closed" -q
		enforced || { echo "killed before bpf() call $at, $left pins were left"; return 1; }
	done
}

# Another build's programs, or the old ones, on each interface; packets are judged throughout.
upgrade_one() {
	local before
	before=$(policy_value public dropped_packets)
	CRMGATE=$build killed attach crm0 -q &&
		enforced &&
		flood public --count 20 &&
		expect 'dropped' "$(policy_value public dropped_packets)" -eq $((before + 20)) &&
		expect_json "$(crmgate bans -j)" '.bans | length == 1' || return
	if [[ $build == "$NEWER" ]]; then build=$CRMGATE; else build=$NEWER; fi
}

upgrades() {
	local build=$NEWER
	attach "$closed" -q "$@"
	crmgate ban 203.0.113.77
	measure attach crm0 -q
	many "$((UPGRADES / 2 + 1))" upgrade_one
	crmgate attach crm0 -q
	enforced
}

t 'kill -9: 70 applies' fresh applies
t 'kill -9: 80 bans and unbans' fresh bans
t 'kill -9: 13 attaches' fresh attaches
t 'kill -9: an attach with its first policy' fresh first_policies
t 'kill -9: 13 attaches with clsact' fresh attaches --tc clsact
t 'kill -9: 13 upgrades' fresh upgrades
t 'kill -9: 13 upgrades with clsact' fresh upgrades --tc clsact
t_done
