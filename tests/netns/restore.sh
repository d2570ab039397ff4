#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# restore.sh - what daemon --manage saves, and puts back after a reboot: B18.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1
. "$(dirname "$0")/../lib/reboot.sh"

# The policy that was in force, though its file is broken now; bans, and what they were of.
all_of_it() {
	local before generation
	crmgate apply "$file" -q
	crmgate ban 192.0.2.50 --for 1h --note 'an hour'
	crmgate ban 192.0.2.51 2001:db8:5::/48 --origin feed
	crmgate ban 192.0.2.52 --for 1d --service api
	before=$(bans)
	generation=$(crmgate status -j | jq .policy.generation)
	lab_until saved 192.0.2.52
	cp "$file" "$LAB_DIR/kept"
	echo 'version: [' >"$file"
	reboot KILL
	expect_exit 1 crmgate status
	manage
	cp "$LAB_DIR/kept" "$file"
	expect 'bans' "$(bans)" == "$before"
	expect 'time left of an hour' "$(left 192.0.2.50)" -gt 3400
	expect 'at most' "$(left 192.0.2.50)" -le 3600
	expect 'generation' "$(crmgate status -j | jq .policy.generation)" -eq "$generation"
	refused 100
	told restored "after a reboot: generation $generation, 4 bans, budgets of 0 sources, 2 interfaces"
	told restored 'crm0: attached \(xdp, tc\)'
	expect_json "$(crmgate events -j | jq -s .)" 'all(.[]; .event != "ban")'
	no_problem
	# The next one counts on.
	crmgate apply "$file" -q
	expect 'generation' "$(crmgate status -j | jq .policy.generation)" -eq $((generation + 1))
	refused 100
}

# Time that passed in the same boot counts; in another one, what was left is left. No
# clock on the wall has a say.
ban_ends() {
	crmgate ban 192.0.2.50 --for 1h
	crmgate ban 192.0.2.51 --for 5m
	lab_until saved 192.0.2.51
	stop
	edit bans.json '.boottime_ns -= 1000000000000 |
		.bans |= map(.added_at = "2001-01-01T00:00:00Z")'
	cp "$state/bans.json" "$LAB_DIR/bans.json"
	unpin
	manage
	expect 'bans' "$(bans)" == '[["192.0.2.50",null,"manual",""]]'
	expect 'left' "$(left 192.0.2.50)" -gt 2400
	expect 'left' "$(left 192.0.2.50)" -le 2600
	stop
	unpin
	cp "$LAB_DIR/bans.json" "$state/bans.json"
	another_boot
	manage
	expect 'left of an hour' "$(left 192.0.2.50)" -gt 3400
	expect 'left of five minutes' "$(left 192.0.2.51)" -le 300
}

fetch() { in_bad curl -s --max-time 2 "http://$1:8080/api/$2" -o /dev/null; }

# What was sent stays sent: to a source, to a part of one that prefixes divide, to a wider
# prefix, and to all. It counts for what was left of its time, of which in another boot only
# that boot has passed.
budgets() {
	local before before6 wide all
	crmgate apply "$(budget_policy)" -q
	fetch "$LAB_CRM" export
	fetch "[$LAB_CRM6]" export
	before=$(left_of "$LAB_BAD" source) before6=$(left_of "$LAB_BAD6" source)
	expect 'left before' "$before" -lt 2000000
	expect 'left before' "$before6" -lt 2000000
	wide=$(left_of "$LAB_BAD" aggregate)
	expect 'left to the prefix before' "$wide" -lt 6000000
	all=$(left_of "$LAB_BAD" policy service)
	expect 'left to all before' "$all" -lt 15000000
	reboot
	expect_json "$(<"$state/budgets.json")" '(.sources | length == 3) and
		any(.sources[]; .source == "198.51.100.0/24" and .policy == "public") and
		any(.sources[]; .source == "198.51.100.66" and .policy == "" and
			[.windows[].per_seconds] == [60, 2678400]) and
		any(.sources[]; .source == "2001:db8:66::/64" and .policy == "one") and
		([.totals[] | [.service, .policy]] | sort) == [["plain", ""], ["plain", "public"]]'
	cp "$state/budgets.json" "$LAB_DIR/budgets.json"
	edit budgets.json '.monotonic_ns = 1000000000000000'
	manage
	told restored 'budgets of 3 sources'
	# Before one of them was seen again.
	reboot
	expect_json "$(<"$state/budgets.json")" '(.sources | length == 3) and (.totals | length == 2)'
	manage
	expect 'left to the prefix' "$(left_of "$LAB_BAD" aggregate)" -eq "$wide"
	expect 'left to all' "$(left_of "$LAB_BAD" policy service)" -eq "$all"
	still_there "$LAB_CRM" "$LAB_BAD" "$before"
	still_there "[$LAB_CRM6]" "$LAB_BAD6" "$before6"
	expect_exit 56 fetch "$LAB_CRM" export
	expect_exit 56 fetch "[$LAB_CRM6]" export
	# In the same boot, all the time since then; a unit of a month is 82 s.
	stop
	unpin
	cp "$LAB_DIR/budgets.json" "$state/budgets.json"
	edit budgets.json '.monotonic_ns = 0 |
		(.sources, .totals)[].windows[].left |= map([., 1] | min)'
	manage
	fetch "$LAB_CRM" contacts
	expect 'left' "$(left_of "$LAB_BAD" source)" -gt 3400000
	expect 'left to all' "$(left_of "$LAB_BAD" policy service)" -gt 17600000
	fetch "$LAB_CRM" export
}
# left_of ADDRESS SCOPE...: bytes under quotas of a month.
left_of() {
	crmgate why "$1" -j | jq '[.services[].limits[] | select(.name == "bytes_out" and
		.per == "31d" and IN(.scope; $ARGS.positional[])).available] | add' --args "${@:2}"
}
# still_there URL ADDRESS BEFORE: a small answer later.
still_there() {
	fetch "$1" contacts
	expect 'left after' "$(left_of "$2" source)" -le "$3"
	expect 'left after' "$(left_of "$2" source)" -ge $(($3 - 10000))
}
budget_policy() {
	policy budget <<-EOF
		version: 1
		capacity: {sources: 65536}
		services:
		  plain: {ports: [8080], total: {limits: {bytes_out: [{quota: 10MB, per: 31d}]}}}
		clients: {one: {prefixes: ["$LAB_BAD6/128"]}}
		policies:
		  - {name: one, service: plain, clients: one, on_budget: cut,
		     limits: {bytes_out: [{quota: 4MB, per: 31d}]}}
		  - {name: public, service: plain, clients: any, on_budget: cut,
		     limits: {bytes_out: [{quota: 4MB, per: 1m}, {quota: 4MB, per: 31d}]},
		     aggregate: {limits: {bytes_out: [{quota: 8MB, per: 31d}]}},
		     total: {limits: {bytes_out: [{quota: 10MB, per: 31d}]}}}
	EOF
}

# More have used as much of theirs than there is room for: whoever has used more is written down,
# and of the others a prefix, which stands for many.
too_many_used() {
	crmgate apply "$(small_policy)" -q
	fetch "$LAB_CRM" export
	reboot
	edit budgets.json '(.sources[] | select(.source == "'"$LAB_BAD"'")) as $one |
		(.sources[] | select(.policy == "public")) as $wide |
		.sources = [range(8191) | $one + {source: "10.1.\(. / 256 | floor).\(. % 256)"}] +
			[$wide + {source: "203.0.113.0/24"}] |
		.sources[].windows[] |= . + {used_bytes: 0, left: [32767, 0, 0, 0, 0, 0, 0, 0]}'
	manage
	told restored 'budgets of 8192 sources'
	fetch "$LAB_CRM" export
	stop
	expect_json "$(jq -c '.sources |= [length, (.[] | select(.source | startswith("10.1.") | not))]' \
			"$state/budgets.json")" --arg bad "$LAB_BAD" '.sources[0] == 8192 and
		any(.sources[1:][]; .source == "203.0.113.0/24" and .policy == "public") and
		any(.sources[1:][]; .source == $bad and .policy == "")'
}
small_policy() {
	policy small <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {plain: {ports: [8080]}}
		policies:
		  - {name: public, service: plain, clients: any,
		     limits: {bytes_out: [{quota: 64KiB, per: 31d}]},
		     aggregate: {limits: {bytes_out: [{quota: 64KiB, per: 31d}]}}}
	EOF
}

late_interface() {
	ip -n "$LAB-host" link set crm1 down
	stop
	ip -n "$LAB-host" link set crm1 name later
	unpin
	start
	lab_until told lost 'crm1: waiting for it'
	lab_until problem interface_gone
	expect_exit 4 crmgate status --check
	ip -n "$LAB-host" link set later name crm1
	ip -n "$LAB-host" link set crm1 up
	lab_until enforced
	refused 100
	no_problem
}

# What was detached stays off, what was in shadow stays there, panic stays, and a policy that
# nobody confirmed does not come back.
as_it_was() {
	local open
	crmgate detach crm0 -q
	crmgate apply "$file" --shadow -q
	lab_until grep -q '"mode_cap": 1' "$state/interfaces.json"
	open=$(policy open <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443]}}
	EOF
	)
	crmgate apply "$open" --confirm 10m -q
	crmgate panic
	lab_until grep -q '"panic": true' "$state/interfaces.json"
	reboot KILL
	start
	lab_until told restored 'crm1: attached'
	expect_json "$(crmgate status -j)" '[.interfaces[].name] == ["crm1"]'
	expect_json "$(crmgate status -j)" '.policies | any(.name == "closed" and .mode == "shadow")'
	expect 'panic' "$(metric crmgate_panic)" -eq 1
	told panic 'by the state before the reboot'
	crmgate resume
	lab_until enforced
}

# killed_before CALL: a daemon that is killed before that call of bpf().
killed_before() {
	FAILBPF_KILL=1 FAILBPF_FROM=$1 LD_PRELOAD=$BUILD/tests/lib/failbpf.so start
	lab_until died "$manager"
	lab_until ended
}
died() { ! kill -0 "$1"; } 2>/dev/null

# kill -9 before each 16th call of bpf(): nothing is there, and nothing was saved over what was;
# or all of it is there. What a killed one left is in nobody's way.
killed() {
	local at before sums
	crmgate ban 192.0.2.50 --for 1h
	crmgate ban 192.0.2.52 --service api
	crmgate panic
	lab_until saved 192.0.2.52
	lab_until grep -q '"panic": true' "$state/interfaces.json"
	before=$(bans)
	reboot
	sums=$(cd "$state" && sha256sum -- *.json *.image)
	for ((at = 1; at < 4000; at += 16)); do
		killed_before "$at"
		! crmgate status -q &>/dev/null || break
		expect "files, killed before call $at" "$(cd "$state" && sha256sum -- *.json *.image)" == "$sums"
		test ! -e "$(pins)"
	done
	measured "back before call $at"
	expect 'bans' "$(bans)" == "$before"
	expect 'panic' "$(metric crmgate_panic)" -eq 1
	expect_json "$(crmgate status -j)" '[.interfaces[].name] == ["crm0", "crm1"]'
	start
	lab_until told restored 'crm1: attached'
	crmgate resume
	lab_until enforced
	refused 100
	no_problem
} 2>/dev/null

# What cannot come back now is kept: the next save does not take its place.
kept() {
	crmgate ban 192.0.2.50
	lab_until saved 192.0.2.50
	reboot
	too_many
	cp "$state/bans.json" "$LAB_DIR/bans.json"
	start
	lab_until told restored 'crm1: attached'
	lab_until problem restore_incomplete
	logged 'no ban came back'
	logged 'bans.json is kept as bans.json.bad'
	lab_until test -e "$state/bans.json"
	cmp "$state/bans.json.bad" "$LAB_DIR/bans.json"
	refused 100
}

# kill -9 before each link (BPF_LINK_CREATE) that it makes, of what arrives and of what leaves at
# two interfaces. Nothing is taken for somebody else's, and nothing is there twice.
killed_at_links() {
	local at
	for at in 1 2 3 4; do
		reboot
		FAILBPF_COMMAND=28 killed_before "$at"
		manage
		no_problem
		# By tcx; a filter beside it would judge again.
		expect 'filters' "$(in_host tc filter show dev crm0 ingress)" == ''
	done
	refused 100
}
killed_at_tcx() {
	crmgate detach --all -q
	crmgate attach crm0 crm1 --mode tc --policy "$file" -q
	lab_until enforced
	killed_at_links
}

# More lengths of prefixes than there is room for.
too_many() {
	edit bans.json '.bans[0] as $ban | .bans += [range(9; 29) |
		$ban + {prefix: "10.\(if . > 15 then "128.0.0" else "0.0.0" end)/\(.)"}]'
}

# Killed before the last call of bpf() at which nothing is there yet, which is searched for,
# the next one finds those bans again, and says that they did not come back.
kept_if_killed() {
	local sums at low=1 high=1024
	crmgate ban 192.0.2.50
	lab_until saved 192.0.2.50
	reboot
	too_many
	cp -rp "$state" "$LAB_DIR/unfit"
	sums=$(cd "$state" && sha256sum -- *.json *.image)
	while ((high - low > 1)); do
		at=$(((low + high) / 2))
		killed_before "$at"
		if [[ -e $(pins) ]]; then
			high=$at
			unpin
			rm -rf "$state"
			cp -rp "$LAB_DIR/unfit" "$state"
		else
			low=$at
			expect "files, killed before call $at" "$(cd "$state" && sha256sum -- *.json *.image)" == "$sums"
		fi
	done
	killed_before "$low"
	test ! -e "$(pins)"
	test -e "$state/bans.json.bad"
	start
	lab_until told restored 'crm1: attached'
	lab_until problem restore_incomplete
	lab_until test -e "$state/bans.json.bad"
	cmp "$state/bans.json.bad" "$LAB_DIR/unfit/bans.json"
	measured "it is there before call $high"
} 2>/dev/null

purged() {
	crmgate ban 192.0.2.50
	lab_until saved 192.0.2.50
	crmgate detach --all --purge
	lab_until logged 'the state was removed'
	expect 'saved' "$(cd "$state" && echo *.json *.image)" == '*.json *.image'
	test -s "$state/audit.log"
	stop
	expect_exit 1 nsenter --net="/run/netns/$LAB-host" "$CRMGATE" daemon --manage \
		--instance "$LAB_INSTANCE" --listen "$DAEMON_AT"
	expect 'what it says' "$OUTPUT" =~ 'nothing is attached'
}

t 'B18 policy, bans and interfaces come back' with all_of_it
t 'B18 B19 bans end by the time that is left' with ban_ends
t 'B18 B19 long budgets go on with the time that is left' with budgets
t 'B18 long budgets: of more than there is room for, prefixes too' with too_many_used
t 'B9 B18 an interface that comes late' with late_interface
t 'B18 detached, shadow, panic, unconfirmed: as it was' with as_it_was
t 'B18 killed while it puts things back' with killed
t 'B18 killed while it attaches' with killed_at_links
t 'B18 killed while it attaches to TC ingress' with killed_at_tcx
t 'B18 bans for which there is no room are kept' with kept
t 'B18 bans for which there is no room are kept when it is killed' with kept_if_killed
t 'purge removes what was saved' with purged
t_done
