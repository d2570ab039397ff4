#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# atomic.sh - a packet is judged by the old policy or the new one: applies back to
# back under a flood, scrapes meanwhile, two commands at once.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

# The same two policies in both files, with the clients exchanged. A mixture
# would show as a reason that the policy cannot give, an empty one as `none`.
swap() {
	policy "$1" <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443]}}
		clients:
		  this: {prefixes: [198.51.100.64/26]}
		  that: {prefixes: [203.0.113.8/29]}
		policies:
		  - {name: closed, service: api, clients: $2, deny: true}
		  - {name: narrow, service: api, clients: $3, limits: {packets: {rate: 1/h, burst: 1}}}
	EOF
}
a=$(swap a this that)
b=$(swap b that this)
attach "$a" -q || exit 1

thousand_applies() {
	local flood i status generation
	generation=$(metric crmgate_policy_generation)
	nsenter --net="/run/netns/$LAB-bad" "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" \
		--src "$LAB_BAD" --dst "$LAB_CRM" --kind ack --rate 20000 --seconds 600 >"$LAB_DIR/flood" &
	flood=$!
	for ((i = 0; i < 500; i++)); do
		crmgate apply "$b" -q
		crmgate apply "$a" -q
	done
	lab_stop "$flood"
	lab_until is "$(jq .arrived "$LAB_DIR/flood")" everything
	status=$(crmgate status -j)
	expect 'generation' "$(metric crmgate_policy_generation)" -eq $((generation + 1000))
	expect_json "$status" '[.policies[] | select(.name == "none") |
		.passed_packets + .dropped_packets] | add // 0 == 0'
	expect_json "$status" '.policies | map({(.name): .reasons | with_entries(select(.value > 0))
		| keys}) | add | .closed == ["denied"] and (.narrow - ["ok", "packets"]) == []'
	# A limit that was not there before starts full: one packet each time.
	expect 'passed' "$(policy_value narrow passed_packets)" -le 501
	expect_json "$status" '[.policies[] | select(.name | IN("closed", "narrow")) |
		.dropped_packets > 1000] == [true, true]'
}
everything() { metric 'crmgate_packets_total{direction="in"}'; }

# A limit that stays goes on from its level, however often its rate changes.
changed_rates() {
	local i one two before
	one=$(sed 's|rate: 1/h|rate: 2/h|' "$b" | policy one)
	two=$(sed 's|rate: 1/h|rate: 3/h|' "$b" | policy two)
	crmgate apply "$b" -q
	flood narrow --kind ack --count 100
	before=$(policy_value narrow passed_packets)
	for ((i = 0; i < 50; i++)); do
		crmgate apply "$one" -q
		lab_flood --dst "$LAB_SINK" --kind ack --count 100 >"$LAB_DIR/flood"
		crmgate apply "$two" -q
		lab_flood --dst "$LAB_SINK" --kind ack --count 100 >"$LAB_DIR/flood"
	done
	flood narrow --kind ack --count 100
	expect 'passed in 100 applies' "$(($(policy_value narrow passed_packets) - before))" -le 1
	crmgate apply "$a" -q
}

# E1: every scrape during applies is valid, and no counter falls.
scrapes_during_applies() {
	local applies i
	for ((i = 0; i < 50; i++)); do crmgate apply "$b" -q; crmgate apply "$a" -q; done &
	applies=$!
	lab_flood --seconds 2 --rate 20000 >"$LAB_DIR/flood" &
	: >"$LAB_DIR/before"
	for ((i = 0; i < 40; i++)); do
		crmgate metrics >"$LAB_DIR/after"
		promtool check metrics <"$LAB_DIR/after"
		awk 'NR == FNR { if (/_total/ && !/^#/) old[$1] = $2; next }
			/_total/ && !/^#/ && ($1 in old) && $2 < old[$1] {
				print $1 " fell from " old[$1] " to " $2; bad = 1 }
			END { exit bad }' "$LAB_DIR/before" "$LAB_DIR/after"
		mv "$LAB_DIR/after" "$LAB_DIR/before"
	done
	wait "$applies"
	wait
}

# A11: one of two at a time; the other is told so, and nothing is lost.
two_at_once() {
	local i one two done=0 generation
	generation=$(metric crmgate_policy_generation)
	for ((i = 0; i < 50; i++)); do
		crmgate apply "$a" &>"$LAB_DIR/one" &
		two=0
		crmgate apply "$b" &>"$LAB_DIR/two" || two=$?
		one=0
		wait $! || one=$?
		((one)) || ((++done))
		((two)) || ((++done))
		expect 'exit statuses' "$one $two" =~ '^(0 0|0 3|3 0)$'
		if ((one + two)); then
			grep -h 'generation' "$LAB_DIR/one" "$LAB_DIR/two" | grep -i busy
		fi
	done
	expect 'generations' "$(metric crmgate_policy_generation)" -eq $((generation + done))
	expect_json "$(crmgate status -j)" '.problems == []'
}

# Who finds another command at work is told so at once, whatever he wanted to change. A
# reader never waits, and who must let everything pass neither.
lock_held() {
	local command generation
	generation=$(metric crmgate_policy_generation)
	at_once() {
		timeout 60 nsenter --net="/run/netns/$LAB-host" "$CRMGATE" "$@" \
			--instance "$LAB_INSTANCE"
	}
	(
		flock 9
		for command in status metrics bans 'why 192.0.2.1' 'top --once' 'show policy' \
			panic resume prove; do
			# shellcheck disable=SC2086
			expect_exit 0 at_once $command
		done
		for command in "apply $b" "apply $b --confirm 60s" confirm rollback \
			"attach crm0 --policy $b" 'detach crm0' 'detach --all --purge' \
			'ban 192.0.2.1' 'unban 192.0.2.1'; do
			# shellcheck disable=SC2086
			expect_exit 3 at_once $command
			expect "what $command says" "$OUTPUT" =~ "busy:.* generation $generation is in force"
		done
	) 9>>"/run/crmgate/$LAB_INSTANCE.lock"
	expect 'generation' "$(metric crmgate_policy_generation)" -eq "$generation"
	crmgate status --check
	expect_json "$(crmgate bans -j)" '.bans == []'
	crmgate apply "$a"
}

t 'T11 a thousand applies under a flood' thousand_applies
t 'T11 T20 a hundred changes of a rate give no fresh burst' changed_rates
t 'E1 scrapes during applies' scrapes_during_applies
t 'A11 two applies at once' two_at_once
t 'A11 who holds the lock stops who changes something, and nobody else' lock_held
t_done
