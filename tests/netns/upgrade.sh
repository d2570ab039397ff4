#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# upgrade.sh - B2, B4, B5: another build's programs under the same links, under a flood; a
# build that the kernel refuses; the state of a newer one. (That of an older one: takeover.sh.)
# The builds: tests/upgrade.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

ABI=$(abi)
THIS=$CRMGATE NEWER=$BUILD/tests/upgrade/newer/crmgate REFUSED=$BUILD/tests/upgrade/refused/crmgate
NEXT=$BUILD/tests/upgrade/next/crmgate
UPGRADES=100 PACKETS=10000000

# with BUILD COMMAND...: crmgate COMMAND of another build.
with() { CRMGATE=$1 crmgate "${@:2}"; }

# As fresh, whichever build attached last.
anew() {
	with "$NEXT" detach --all --purge || purge || :
	"$@"
}

file=$(public 'deny: true')

program() { in_host ip -d -j link show crm1 | jq -r '.[0].xdp.prog | "\(.id // "") \(.tag // "")"'; }

# One build after the other, and on until enough packets have come.
upgrades() {
	local first
	first=$(received)
	while ((done < UPGRADES || $(received) < first + PACKETS)); do
		with "$NEWER" attach crm0 crm1 -q
		with "$THIS" attach crm0 crm1 -q
		((done += 2))
	done
}

# Each packet that arrived was judged, by a program that denies all of them.
hundred_upgrades() {
	local first done=0 arrived
	attach "$file" -q
	first=$(program)
	during upgrades -- --src "$LAB_BAD" --sources 1000 --dst "$LAB_SINK" --seconds 600
	arrived=$(jq .arrived <<<"$sent")
	lab_until is "$arrived" judged public
	expect 'packets' "$arrived" -ge "$PACKETS"
	expect 'dropped' "$(policy_value public dropped_packets)" -eq "$arrived"
	expect 'program' "$(program)" != "$first"
	expect 'tag of the same build' "$(program | cut -d' ' -f2)" == "${first#* }"
	expect_exit 0 crmgate status --check
	measured "$arrived packets, $done upgrades"
}

another_program() {
	local first
	attach "$file" -q
	first=$(program)
	crmgate ban 203.0.113.77 --for 1h
	with "$NEWER" attach crm0 -q
	expect 'tag of another build' "$(program | cut -d' ' -f2)" != "${first#* }"
	expect_exit 0 with "$THIS" status --check
	expect_json "$(crmgate bans -j)" '.bans | map(.prefix) == ["203.0.113.77"]'
	expect 'generation' "$(metric crmgate_policy_generation)" -eq 1
}

# The verifier's own last lines, what they mean, and nothing changed.
refused() {
	local before
	attach "$file" -q
	before=$(program)
	expect_exit 1 with "$REFUSED" attach crm0 crm1
	expect 'plain words' "$OUTPUT" =~ 'reaches outside a packet'
	expect 'that the old one stays' "$OUTPUT" =~ 'in force stays'
	expect 'the verifier' "$OUTPUT" =~ 'verifier: invalid access to packet'
	expect 'lines' "$(grep -c verifier: <<<"$OUTPUT")" -ge 2
	expect 'program' "$(program)" == "$before"
	flood public --count 100
	expect_exit 0 crmgate status --check
}

# A build that does not know the state in force says so, and touches nothing of it.
newer_state() {
	local before command
	local commands=('attach crm0 crm1 -q' "apply $file" 'ban 203.0.113.77' 'status' 'metrics' 'panic'
		'detach --all')
	with "$NEXT" attach crm0 crm1 --policy "$file" -q
	before=$(program)
	for command in "${commands[@]}"; do
		# shellcheck disable=SC2086 # words of a command
		expect_exit 3 with "$THIS" $command
		expect "$command" "$OUTPUT" =~ 'attached by a newer build'.*"ABI $((ABI + 1)),".*'in force stays'
		expect 'lines' "$(wc -l <<<"$OUTPUT")" -eq 1
	done
	expect 'program' "$(program)" == "$before"
	expect 'state of its own' "$(ls "/sys/fs/bpf/crmgate/$LAB_INSTANCE")" == "v$((ABI + 1))"
	expect_exit 0 with "$NEXT" status --check
	expect_json "$(with "$NEXT" bans -j)" '.bans == []'
	expect_exit 0 with "$THIS" detach --all --purge
	expect 'what it says' "$OUTPUT" =~ "v$((ABI + 1))' had attached cannot be read"
	expect 'program' "$(program)" == ' '
	test ! -e "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	with "$THIS" attach crm0 -q
	expect_exit 0 with "$THIS" status --check
}

# A table of another size gets what the older one had; one that only counts may begin anew,
# but where what must not get lost cannot be read, nothing is taken over.
other_sizes() {
	local before
	attach "$file" -q
	before=$(program)
	crmgate ban 203.0.113.77 --for 1h -q
	expect 'entries' "$(entries bans)" -eq 65536
	replaced bans
	expect_exit 3 with "$NEXT" attach crm0
	expect 'says what to do' "$OUTPUT" =~ 'cannot read what it left.*detach --all --purge'
	expect 'program' "$(program)" == "$before"
	mv "$(pins)/aside" "$(pins)/bans"
	expect_exit 0 crmgate status --check
	replaced throttles
	replaced kept
	with "$NEXT" attach --all -q
	expect 'entries' "$(CRMGATE=$NEXT entries bans)" -eq 131072
	expect_json "$(with "$NEXT" bans -j)" '.bans | map(.prefix) == ["203.0.113.77"]'
	with "$NEXT" ban 203.0.113.78 -q
	expect_exit 0 with "$NEXT" status --check
}
entries() { bpftool -j map show pinned "$(pins)/$1" | jq .max_entries; }

# replaced PIN: by a map that no build has made.
replaced() {
	mv "$(pins)/$1" "$(pins)/aside"
	bpftool map create "$(pins)/$1" type array key 4 value 12 entries 3 name "$1"
}

# A renamed interface is found again by its new name.
renamed() {
	attach "$file" -q
	ip -n "$LAB-host" link set crm1 down
	ip -n "$LAB-host" link set crm1 name new1
	ip -n "$LAB-host" link set new1 up
	crmgate attach new1 -q
	expect_json "$(crmgate status -j)" '(.interfaces | map(.name) | sort) == ["crm0", "new1"]'
	expect_exit 0 crmgate status --check
	ip -n "$LAB-host" link set new1 down
	ip -n "$LAB-host" link set new1 name crm1
	ip -n "$LAB-host" link set crm1 up
	crmgate attach crm1 -q
	expect_exit 0 crmgate status --check
}

# A filter of somebody else in the place that ours would take stays, and so does ours.
foreign_filter() {
	attach "$file" -q --tc clsact
	with "$NEWER" attach crm0 -q
	expect_exit 0 crmgate status --check
	purge
	in_host tc qdisc replace dev crm1 clsact
	in_host tc filter add dev crm1 egress pref 49450 handle 1 protocol all \
		bpf da obj "$LAB_TOOLS/pass.bpf.o" sec xdp
	expect_exit 3 crmgate attach crm0 crm1 --policy "$file" --tc clsact
	expect 'names the interface' "$OUTPUT" =~ 'crm1.*filter'
	in_host tc filter show dev crm1 egress | grep -q pass
	in_host tc qdisc del dev crm1 clsact
}

# All that the instance has, of an older build too, also where there are no links.
by_instance() {
	local before
	expect_exit 1 crmgate attach --all
	expect 'says what to do' "$OUTPUT" =~ 'nothing is attached.*name interfaces'
	test ! -e "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	attach "$file" -q --mode tc --tc clsact
	before=$(filters)
	expect 'filters' "$(wc -w <<<"$before")" -eq 4
	with "$NEXT" attach --all -q
	expect 'state' "$(ls "/sys/fs/bpf/crmgate/$LAB_INSTANCE")" == "v$((ABI + 1))"
	expect 'filters of before' "$(comm -12 <(echo "$before") <(filters))" == ''
	expect 'filters' "$(filters | wc -w)" -eq 4
	expect_exit 0 with "$NEXT" status --check
}
filters() { in_host bpftool -j net show | jq '.[].tc[].id' | sort; }

# What was taken off is put back, by the programs that are in force.
missing() {
	local before command
	attach "$file" -q
	before=$(program)
	expect_exit 0 crmgate attach --missing
	in_host bpftool link detach pinned "$(pins)/xdp_crm0"
	rm "$(pins)/tc_crm1"
	lab_until unenforced
	crmgate attach --missing -q
	expect_exit 0 crmgate status --check
	expect 'program' "$(program)" == "$before"
	expect_json "$(crmgate events -j | jq -s .)" '[.[] | select(.event == "restored") |
		.detail] | sort == ["crm0: attached (xdp)", "crm1: attached (tc)"]'
	for command in 'attach' 'attach crm0 --all' 'attach --all --missing' 'attach --all --mode tc' \
		'attach --missing --chain' 'attach --missing --rehearse'; do
		# shellcheck disable=SC2086 # words of a command
		expect_exit 2 crmgate $command
	done
}
unenforced() { ! enforced; }

t 'B2 a hundred upgrades during ten million packets' anew hundred_upgrades
t 'B2 the program is that of the other build, the state is kept' anew another_program
t 'B5 a program that the verifier refuses' anew refused
t 'B4 an older build finds the state of a newer one' anew newer_state
t 'B21 attach --all: each interface of the instance, filters too' anew by_instance
t 'B3 a table of another size' anew other_sizes
t 'B8 attach --missing: what was taken off' anew missing
t 'B9 a renamed interface is attached by its new name' anew renamed
t 'B8 a foreign filter in our place stays' anew foreign_filter
t_done
