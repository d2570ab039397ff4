#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# takeover.sh - B3: an attach of a build with other tables goes on with the state of an older
# one, under a flood; what fails leaves the old one, and what is killed the old or the new.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1
lab_nginx

ABI=$(awk '$2 == "CRMG_ABI" && NF == 3 { print $3 }' "$(dirname "$0")/../../headers/crmgate/abi.h")
OLD=$CRMGATE NEW=$BUILD/tests/upgrade/next/crmgate
PINS=/sys/fs/bpf/crmgate/$LAB_INSTANCE

export SOURCES=4096
closed=$(public 'deny: true' closed)

# old COMMAND..., new COMMAND...: crmgate COMMAND of either build.
old() { CRMGATE=$OLD crmgate "$@"; }
new() { CRMGATE=$NEW crmgate "$@"; }

# anew FUNCTION [ARGUMENT]...: on a state of the old build.
anew() {
	gone
	old attach crm0 crm1 --policy "$closed" -q
	"$@"
}
# Whichever build is in force.
gone() {
	[[ ! -e $PINS ]] || { new detach --all --purge -q || old detach --all --purge -q; } &>/dev/null
	[[ ! -e $PINS ]]
}

folders() { (cd "$PINS" && echo *); }
links() { find "$PINS/v$1" -name 'xdp_*' -o -name 'tc_crm*' | wc -l; }
limits() { "$1" show limits -j | jq -Sc .; }
in_force() { "$1" prove >/dev/null && "$1" status --check >/dev/null; }

# What the old build had is what the new one has; and nothing of the old one is left.
taken_over() {
	expect 'folders' "$(folders)" == "v$((ABI + 1))"
	in_force new
	expect 'policy' "$(limits new)" == "$before"
	expect 'pins of links' "$(links $((ABI + 1)))" -eq 4
}

state() {
	local before
	old ban 203.0.113.77 --for 1h --origin hand --note 'a note'
	old ban 198.18.0.0/28 --service api
	old apply "$closed" -q
	before=$(limits old)
	new attach crm0 crm1 -q
	taken_over
	expect 'generation' "$(CRMGATE=$NEW metric crmgate_policy_generation)" -eq 2
	expect_json "$(new bans -j)" '.bans | map([.prefix, .service, .origin, .note]) | sort == [
		["198.18.0.0/28", "api", "manual", ""], ["203.0.113.77", null, "hand", "a note"]]'
	expect_json "$(new bans -j)" '.bans | map(.remaining_seconds) | map(. == null or (. > 3500 and
		. <= 3600)) == [true, true]'
	expect_json "$(new events -j | jq -s .)" --arg abi "$ABI" 'any(.[]; .event == "takeover" and
		(.detail | test("ABI " + $abi + ": generation 2, 2 bans, 2 interfaces")))'
	expect_exit 0 new audit verify
	expect_exit 3 old status
	expect 'old build' "$OUTPUT" =~ 'attached by a newer build'
	new unban 203.0.113.77 -q
	new apply "$closed" -q
	in_force new
}

# Only an attach takes it over; a policy that is named comes into force with it.
named() {
	local command open
	open=$(public 'limits: {packets: {rate: 1000/s}}' open)
	for command in "apply $open" 'ban 203.0.113.77' status metrics 'detach --all' 'detach crm0'; do
		# shellcheck disable=SC2086 # words of a command
		expect_exit 3 new $command
		expect "$command" "$OUTPUT" =~ 'attached by an older build'.*"ABI $ABI,".*'in force stays'.*"attach IFACE"
	done
	in_force old
	new attach crm1 --policy "$open" -q
	expect 'generation' "$(CRMGATE=$NEW metric crmgate_policy_generation)" -eq 2
	expect_json "$(new status -j)" '.interfaces | map(.name) | sort == ["crm0", "crm1"]'
	in_force new
	flood_passes
}
flood_passes() {
	local first
	first=$(came_through)
	CRMGATE=$NEW flood public --count 20
	expect 'packets that came through' "$(came_through)" -eq $((first + 20))
}

# A state of another build goes with all that it had attached, also where nothing but its pins
# can be read: of an ABI that no table is known of.
purged() {
	local options read
	for options in '--tc tcx' '--tc clsact' '--mode tc --tc clsact'; do
		for read in yes no half; do
			gone
			# shellcheck disable=SC2086 # words
			old attach crm0 crm1 --policy "$closed" -q $options
			[[ $read != no ]] || mv "$PINS/v$ABI" "$PINS/v1"
			[[ $read != half ]] || rm "$PINS/v$ABI/ifaces"
			expect_exit 0 "$([[ $read == half ]] && echo old || echo new)" detach --all --purge
			expect "what it says ($options, read: $read)" \
				"$(grep -c "what '$LAB_INSTANCE/v[1$ABI]' had attached cannot be read" <<<"$OUTPUT")" \
				-eq "$([[ $read == yes ]] && echo 0 || echo 1)"
			expect 'programs' "$(in_host bpftool -j net show | jq '[.[] | .xdp, .tc | length] | add')" -eq 0
			test ! -e "$PINS"
		done
	done
	expect_exit 0 new audit verify
	expect_exit 1 new detach --all --purge
	expect 'nothing is there' "$OUTPUT" =~ 'nothing is attached'
}

# What does not fit is said before anything is changed.
refused() {
	local capacity before
	before=$(limits old)
	capacity=$(SOURCES=8192 public 'deny: true' capacity)
	expect_exit 3 new attach crm0 --policy "$capacity"
	expect 'why' "$OUTPUT" =~ 'capacity.sources 4096'
	whole
	expect_exit 1 new attach nosuch0
	whole
	old apply "$closed" --confirm 60s -q
	expect_exit 3 new attach crm0
	expect 'why' "$OUTPUT" =~ 'waits to be confirmed'
	old confirm -q
	whole
	expect 'folders' "$(folders)" == "v$ABI"
}

# Packets that the stack of the host saw.
came_through() { in_host awk '/^Ip: [0-9]/ { print $4 }' /proc/net/snmp; }

# All of it is denied: what nobody judged would come through.
under_flood() {
	local before first
	before=$(limits old)
	flood public --count 20
	first=$(came_through)
	during new attach crm0 crm1 -q -- --src "$LAB_BAD" --sources 1000 --dst "$LAB_SINK" --seconds 60
	CRMGATE=$NEW flood public --count 20
	expect 'packets that came through' "$(came_through)" -eq "$first"
	taken_over
	new panic -q
	CRMGATE=$NEW flood public --count 20
	expect 'packets that come through in panic' "$(came_through)" -eq $((first + 20))
}

# The number of calls that a takeover makes, in $calls.
measure() {
	FAILBPF_COUNT=$LAB_DIR/count LD_PRELOAD=$BUILD/tests/lib/failbpf.so new attach crm0 crm1 -q
	calls=$(<"$LAB_DIR/count")
	anew :
}

# taking_over CALL KIND: an attach that comes to nothing, or not to its end; its exit status.
taking_over() {
	FAILBPF_FROM=$1 LD_PRELOAD=$BUILD/tests/lib/failbpf.so new attach crm0 crm1 -q &>"$LAB_DIR/said"
}

# What is in force is the old state, as it was, or the new one, of which the next command does
# what was left.
whole() {
	flood_refused || return
	if is_new; then
		new unban 198.18.0.1 -q && taken_over
	else
		in_force old && expect 'policy' "$(limits old)" == "$before" &&
			expect 'pins of links' "$(links "$ABI")" -eq 4
	fi
}
is_new() { [[ -e $PINS/v$((ABI + 1)) ]]; }
flood_refused() {
	local first
	first=$(came_through)
	lab_flood --dst "$LAB_SINK" --count 20 >/dev/null
	expect 'packets that came through' "$(came_through)" -eq "$first"
}

failed() {
	local calls at before status
	measure
	before=$(limits old)
	for ((at = 1; at < calls; at += 20)); do
		status=0
		taking_over "$at" || status=$?
		whole || { echo "call $at of $calls, status $status"; cat "$LAB_DIR/said"; return 1; }
		if is_new; then
			anew :
		else
			expect 'folders' "$(folders)" == "v$ABI"
		fi
	done
	measured "$calls calls"
}

# A takeover that was killed when the new state had its name, and before the first of its
# programs was under a link (BPF_LINK_UPDATE is 29).
unfinished() {
	FAILBPF_COMMAND=29 FAILBPF_KILL=1 taking_over 1 || :
	CRMGATE=$NEW problem takeover_unfinished
	[[ -e $PINS/v$ABI ]]
} 2>/dev/null

# Panic holds for what runs, be it the old build's, the new one's, or some of both.
panicking() {
	local before
	before=$(limits old)
	new panic -q
	flood_through 20
	expect_json "$(old status -j)" '.panic == true'
	expect_exit 0 new resume
	flood_refused
	in_force old
	unfinished
	new panic -q
	flood_through 20
	new resume -q
	flood_refused
	new panic -q
	new unban 198.18.0.1 -q
	flood_through 20
	new resume -q
	taken_over
}
# That many packets come through.
flood_through() {
	local first
	first=$(came_through)
	lab_flood --dst "$LAB_SINK" --count "$1" >/dev/null
	expect 'packets that came through' "$(came_through)" -eq $((first + $1))
}

# Of an interface of which one program was taken off the other one is renewed.
half() {
	bpftool link detach pinned "$PINS/v$ABI/xdp_crm0"
	expect_exit 0 new attach crm1
	expect 'said' "$OUTPUT" =~ 'crm0: the program that judges was taken off'
	expect 'folders' "$(folders)" == "v$((ABI + 1))"
	expect 'programs at TC' "$(programs_of tc_crm0)" == "$(programs_of tc_crm1)"
	expect_exit 0 new attach crm0
	in_force new
}
programs_of() { bpftool -j link show pinned "$PINS/v$((ABI + 1))/$1" | jq .prog_id; }

# A ban that the old programs make when the bans have been read already.
late_ban() {
	local file good bad
	file=$(policy banning <<-EOF
		version: 1
		capacity: {sources: 4096}
		services: {api: {transport: tcp, ports: [443], protocol: tls}}
		clients: {partners: {prefixes: [$LAB_GOOD/32]}}
		policies:
		  - {name: public, service: api, clients: any, limits: {packets: {rate: 100/s}},
		     ban: {after: 5, within: 10s, for: 1h}}
		  - {name: partners, service: api, clients: partners}
	EOF
	)
	old apply "$file" -q
	unfinished
	expect_json "$(new bans -j)" '.bans == []'
	# Beside partners that have most of the packets.
	lab_spawn good good wrk -t1 -c2 -d60s "https://$LAB_CRM/api/contacts" &>/dev/null
	lab_spawn bad bad wrk -t1 -c32 -d60s "https://$LAB_CRM/api/contacts" &>/dev/null
	lab_until old_bans
	lab_stop "$bad"
	lab_stop "$good"
	new unban 198.18.0.1 -q
	expect_json "$(new bans -j)" '.bans | map([.prefix, .service, .origin]) == [
		["'"$LAB_BAD"'", "api", "auto"]]'
	expect_json "$(new bans -j)" '.bans[0].remaining_seconds | . > 3500 and . <= 3601'
	expect 'folders' "$(folders)" == "v$((ABI + 1))"
}
# The old build has banned somebody; it only looks when no newer state is there.
old_bans() {
	local status=0
	mv "$PINS/v$((ABI + 1))" "$PINS/aside"
	old bans -j | jq -e '.bans | length == 1' || status=$?
	mv "$PINS/aside" "$PINS/v$((ABI + 1))"
	return "$status"
}

# The pin that goes last is all that is left of the old state, which was being removed.
leftover() {
	local before
	before=$(limits old)
	new attach crm0 crm1 -q
	mkdir "$PINS/v$ABI"
	bpftool map pin pinned "$PINS/v$((ABI + 1))/front" "$PINS/v$ABI/front"
	new ban 198.18.0.1 -q
	taken_over
}

# kill -9 before each 32nd call: what judges is either build's, and the next command ends it.
killed() {
	local calls at before
	measure
	before=$(limits old)
	for ((at = 8; at < calls; at += 32)); do
		FAILBPF_KILL=1 taking_over "$at" || :
		whole || { echo "killed before call $at of $calls"; return 1; }
		! is_new || anew :
	done
	# What is left of a new state that nobody finished is in nobody's way.
	new attach crm0 crm1 -q
	taken_over
} 2>/dev/null

# The managing daemon of the old build lets go; that of the new one goes on.
managed() {
	local manager before
	before=$(limits old)
	lab_spawn manager host "$OLD" daemon --manage --instance "$LAB_INSTANCE" \
		--listen 127.0.0.1:9750 &>"$LAB_DIR/manage.log"
	lab_until beats "$OLD"
	new attach crm0 crm1 -q
	lab_until grep -q 'the state was removed' "$LAB_DIR/manage.log"
	taken_over
	lab_stop "$manager"
	lab_spawn manager host "$NEW" daemon --manage --instance "$LAB_INSTANCE" \
		--listen 127.0.0.1:9750 &>"$LAB_DIR/manage.log"
	lab_until beats "$NEW"
	taken_over
	lab_stop "$manager"
}
beats() { (($(CRMGATE=$1 metric crmgate_manager_heartbeat_timestamp_seconds) > 0)); } 2>/dev/null

# What was sent under budgets of days counts on, to a source and to all.
budgets() {
	local file before
	file=$(policy budget <<-EOF
		version: 1
		capacity: {sources: 4096}
		services: {plain: {transport: tcp, ports: [8080]}}
		policies:
		  - {name: public, service: plain, clients: any, on_budget: cut,
		     limits: {bytes_out: [{quota: 8MB, per: 31d}]},
		     total: {limits: {bytes_out: [{quota: 4MB, per: 31d}]}}}
	EOF
	)
	old detach --all --purge -q
	old attach crm0 crm1 --policy "$file" -q
	fetch export
	before=$(left_of old policy)
	expect 'left before' "$before" -lt 2000000
	new attach crm0 crm1 -q
	fetch contacts
	expect 'left' "$(left_of new policy)" -lt "$before"
	expect 'left' "$(left_of new policy)" -gt $((before - 20000))
	expect 'left of its own' "$(left_of new source)" -lt 6000000
	expect_exit '@(28|56)' fetch export
}
fetch() { lab_curl bad --max-time 3 -o "$LAB_DIR/fetched" "http://$LAB_CRM:8080/api/$1"; }
left_of() {
	"$1" why "$LAB_BAD" -j | jq --arg scope "$2" '[.services[].limits[] |
		select(.name == "bytes_out" and .scope == $scope).available] | add'
}

t 'B3 policy, bans and interfaces go on' anew state
t 'B3 an attach with a policy takes over, no other command' anew named
t 'B3 a state of another build is purged' anew purged
t 'B3 what cannot be taken over goes on as it is' anew refused
t 'B3 every packet is judged while it happens' anew under_flood
t 'B3 what fails leaves the old state, or the new one' anew failed
t 'B3 what is killed leaves the old state, or the new one' anew killed
t 'B3 killed while it removes the old pins' anew leftover
t 'B3 panic while it happens' anew panicking
t 'B3 an interface of which one program was taken off' anew half
t 'B3 a ban of a source while it happens' anew late_ban
t 'B3 the managing daemons of both builds' anew managed
t 'B3 budgets of days go on' anew budgets
gone
t_done
