#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# confirm.sh - an apply that can be taken back: the deadline is the kernel's, one waits
# at a time, and whatever ends it, or dies in it, leaves one of both policies whole.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

# The old policy refuses whom the new one lets pass: a packet shows which is in force.
closed=$(policy closed <<-EOF
	version: 1
	capacity: {sources: 65536}
	services:
	  api: {transport: tcp, ports: [443]}
	  legacy: {transport: tcp, ports: [8080]}
	policies:
	  - {name: public, service: api, deny: true}
	  - {name: old, service: legacy, limits: {packets: {rate: 1/h, burst: 5}}}
EOF
)
open=$(policy open <<-EOF
	version: 1
	capacity: {sources: 65536}
	services:
	  api: {transport: tcp, ports: [443]}
	  admin: {transport: tcp, ports: [9090]}
	policies:
	  - {name: public, service: api, limits: {packets: {rate: 1M/s}}}
	  - {name: new, service: admin, limits: {packets: {rate: 1/h, burst: 3}}}
EOF
)

generation() { crmgate status -j | jq .policy.generation; }
pending() { crmgate status -j | jq .policy.pending_confirm; }

# ack COUNT [PORT]: packets to a service; how many of them passed.
ack() {
	local before
	before=$(passed)
	pour --src "$LAB_BAD" --dst "$LAB_SINK" --kind ack --count "$1" --port "${2-443}"
	echo $(($(passed) - before))
}
passed() { metric 'crmgate_packets_total{direction="in",verdict="pass"}'; }

# begin [TIME]: the closed policy in force, the open one waits.
begin() {
	attach "$closed" -q
	crmgate apply "$open" --confirm "${1-60s}"
	expect 'pending' "$(pending)" == true
}

# events_of JQ: of all events, as JSON.
events_of() { crmgate events -j | jq -s "$1"; }

# A13, A14: the time from the apply to the first packet that is refused again, both as
# the kernel noted them; a daemon reads before and after, and no process is left between.
by_itself() {
	local daemon flood took
	attach "$closed" -q
	lab_spawn daemon host "$CRMGATE" daemon --instance "$LAB_INSTANCE" --listen 127.0.0.1:9751
	lab_until healthy
	lab_spawn flood bad "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" --src "$LAB_BAD" \
		--dst "$LAB_SINK" --kind ack --rate 1000 >"$LAB_DIR/sent"
	lab_until at_least 100 refused
	crmgate apply "$open" --confirm 3s
	expect 'scraped' "$(scraped)" -eq 2
	lab_stop "$daemon" KILL
	refused=$(refused)
	lab_until at_least $((refused + 100)) refused
	lab_stop "$flood"
	took=$(events_of '(map(select(.event == "apply")) | last.time) as $from
		| map(select(.event == "refused" and .time > $from)) | first.time
		| [., $from] | map((.[:-5] + "Z" | fromdate) + ("0" + .[-5:-1] | tonumber))
		| .[0] - .[1]')
	measured "3 s until confirmed: back after $took s"
	expect_json "$took" '. > 2 and . < 4'
	# Nobody has cleaned up: what is shown is what packets are under.
	expect_json "$(crmgate status -j)" '.policy.generation == 1 and
		.policy.pending_confirm == false and .policy.confirm_until == null'
	crmgate status | grep -q 'generation 2 was not confirmed'
	expect 'metric' "$(metric crmgate_policy_generation)" -eq 1
	expect_json "$(crmgate why "$LAB_BAD" --service api -j)" '.services[0].last_reason == "denied"'
	expect 'passed' "$(ack 100)" -eq 0
}
refused() { metric 'crmgate_drops_total{reason="denied"}'; }
healthy() { in_host curl -sf --max-time 2 http://127.0.0.1:9751/healthz >/dev/null; }
scraped() { in_host curl -sf http://127.0.0.1:9751/metrics | awk '/^crmgate_policy_generation/ { print $2 }'; }

# The command that comes next finds it, says so, and everything goes on.
found_later() {
	expect_exit 1 crmgate confirm
	expect 'says' "$OUTPUT" =~ 'generation 2 was not confirmed'
	expect_json "$(events_of 'map(select(.event == "rollback"))')" \
		'length == 1 and (.[0].detail | test("generation 1 is back since .*Z, 2 was not confirmed"))'
	expect_exit 1 crmgate rollback
	expect 'passed' "$(ack 100)" -eq 0
	# A number is never given twice: sources remember it.
	crmgate apply "$open"
	expect 'generation' "$(generation)" -eq 3
	expect 'passed' "$(ack 100)" -eq 100
	crmgate apply "$closed"
	expect 'generation' "$(generation)" -eq 4
	expect 'passed' "$(ack 100)" -eq 0
	purge
}

confirmed_stays() {
	local until
	begin 5s
	until=$(crmgate status -j | jq '.policy.confirm_until | fromdate')
	crmgate confirm
	expect 'pending' "$(pending)" == false
	lab_until past "$until"
	flood public --kind ack --count 1000
	expect 'refused' "$(policy_value public dropped_packets)" -eq 0
	expect 'generation' "$(generation)" -eq 2
	expect_json "$(events_of 'map(.event)')" 'index("confirm") and (index("rollback") | not)'
	expect_exit 1 crmgate confirm
	expect_exit 1 crmgate rollback
	expect 'says' "$OUTPUT" =~ 'generation 2 is in force'
	purge
}

past() { (($(date +%s) > $1)); }

taken_back() {
	begin
	expect 'passed' "$(ack 100)" -eq 100
	crmgate rollback
	expect 'passed' "$(ack 100)" -eq 0
	expect 'generation' "$(generation)" -eq 1
	expect 'pending' "$(pending)" == false
	expect_json "$(events_of 'map(select(.event == "rollback"))')" \
		'length == 1 and (.[0].detail | test("generation 1 is back, 2 is out"))'
	crmgate apply "$open" --confirm 60s -j | jq -e '.generation == 3 and .confirm_until != null'
	crmgate confirm -j | jq -e '.generation == 3'
	expect 'passed' "$(ack 100)" -eq 100
	purge
}

# A15: the second is refused, and says what ends the first.
one_at_a_time() {
	begin
	expect_exit 3 crmgate apply "$closed"
	expect 'says' "$OUTPUT" =~ "crmgate confirm.*crmgate rollback"
	expect_exit 3 crmgate apply "$closed" --confirm 5s
	expect_exit 3 crmgate attach crm0 --policy "$closed"
	expect 'generation' "$(generation)" -eq 2
	expect 'passed' "$(ack 100)" -eq 100
	purge
}

shown() {
	begin
	expect_json "$(crmgate status -j)" '.policy.pending_confirm and
		.policy.generation == 2 and .policy.previous_generation == 1 and
		((.policy.confirm_until | fromdate) - (.policy.applied_at | fromdate) | . >= 59 and . <= 61)'
	crmgate status | grep -q '^confirm:  generation 1 comes back at '
	expect 'metric' "$(metric crmgate_policy_pending_confirm)" -eq 1
	crmgate rollback -q
	expect 'metric' "$(metric crmgate_policy_pending_confirm)" -eq 0
	purge
}

# What the old policy counted, how far its limits were used, and bans of its services.
old_state_comes_back() {
	attach "$closed" -q
	expect 'passed' "$(ack 3 8080)" -eq 3
	expect 'passed' "$(ack 7)" -eq 0
	crmgate ban 10.9.0.0/16 --service legacy -q
	crmgate apply "$open" --confirm 60s
	expect 'passed' "$(ack 10 9090)" -eq 3
	crmgate ban 10.9.0.0/16 --service admin -q
	crmgate rollback
	expect 'counted' "$(policy_value old passed_packets)" -eq 3
	expect 'counted' "$(policy_value public dropped_packets)" -eq 7
	expect 'passed' "$(ack 10 8080)" -eq 2
	expect_json "$(crmgate bans -j)" '.bans | map(.service) == ["legacy"]'
	# Confirmed, the bans of what is gone go too; what comes again starts at 0.
	crmgate apply "$open" --confirm 60s
	expect 'counted' "$(policy_value new passed_packets)" -eq 0
	crmgate confirm
	expect_json "$(crmgate bans -j)" '.bans == []'
	expect 'passed' "$(ack 10 9090)" -eq 3
	purge
}

# Other commands leave the deadline alone.
beside_others() {
	begin
	crmgate panic -q
	crmgate attach crm0 crm1 -q
	crmgate detach crm0 -q
	crmgate attach crm0 -q
	crmgate ban 10.9.0.9 -q
	crmgate resume -q
	expect 'pending' "$(pending)" == true
	expect 'passed' "$(ack 100)" -eq 100
	crmgate detach --all -q
	crmgate attach crm0 crm1 -q
	expect 'pending' "$(pending)" == true
	crmgate rollback
	expect 'passed' "$(ack 100)" -eq 0
	purge
}

# More services than there are indexes for both: one would lose its state for good.
no_room_for_both() {
	local one two
	one=$(many a) two=$(many b)
	attach "$one" -q
	expect_exit 3 crmgate apply "$two" --confirm 60s
	expect 'says' "$OUTPUT" =~ 'two steps'
	expect 'generation' "$(generation)" -eq 1
	crmgate apply "$two" -q
	purge
}
many() {
	local i
	{
		echo 'version: 1'
		echo 'capacity: {sources: 65536}'
		echo 'services:'
		for ((i = 1; i <= 40; i++)); do
			echo "  $1$i: {transport: tcp, ports: [$((1000 + i))]}"
		done
	} | policy "many_$1"
}

# What it would change is said, and nothing is changed; also while an apply waits.
dry_run() {
	attach "$closed" -q
	expect_exit 0 crmgate apply "$open" --dry-run
	expect 'says' "$OUTPUT" =~ 'policy public of api: deny true -> false.*policy public of api: packets 1M/s burst 1M.*nothing was changed: generation 1'
	expect_json "$(crmgate apply "$open" --dry-run -j)" '.dry_run and .generation == 1
		and (.changes | any(.change == "added" and .what == "policy new of admin"
				    and .field == "packets" and .to == "1/h burst 3"))
		and (.memory.to.total >= .memory.from.counters)'
	expect 'generation' "$(generation)" -eq 1
	expect 'passed' "$(ack 10)" -eq 0
	crmgate apply "$open" --confirm 60s -q
	expect_exit 0 crmgate apply "$closed" --dry-run
	expect 'pending' "$(pending)" == true
	purge
}

usage() {
	local wrong
	attach "$closed" -q
	for wrong in '' 0s 60 2d -1s 1e9s; do
		expect_exit 2 crmgate apply "$open" --confirm="$wrong"
	done
	expect_exit 2 crmgate apply "$open" --dry-run --confirm 5s
	expect 'generation' "$(generation)" -eq 1
	purge
}

# ended N HOW COMMAND...: crmgate COMMAND with its N-th bpf() call failing (HOW ERRNO=12)
# or the process killed before it (HOW KILL=1); its exit status in $status.
ended() {
	status=0
	OUTPUT=$(env FAILBPF_FROM="$1" FAILBPF_ONLY=1 FAILBPF_"$2" FAILBPF_COUNT="$LAB_DIR/count" \
		LD_PRELOAD="$BUILD/tests/lib/failbpf.so" nsenter --net="/run/netns/$LAB-host" \
		"$CRMGATE" "$3" --instance "$LAB_INSTANCE" "${@:4}" 2>&1) || status=$?
}

# One of both generations, whole: what is shown agrees with what packets meet.
whole() {
	case $(generation) in
	"$1") expect 'passed, old' "$(ack 5)" -eq 0 ;;
	"$2") expect 'passed, new' "$(ack 5)" -eq 5 ;;
	*) echo "neither $1 nor $2 is in force" ; return 1 ;;
	esac
}

# each_call HOW COMMAND...: at each bpf() call of the command, while an apply waits or
# (apply) none does; of the many that prove the enforcement in the end, at every ninth.
# Afterwards the next commands work without repair.
each_call() {
	local n status old new command=$2 opened
	attach "$closed" -q
	# Opening the state changes nothing, and inject.sh has it.
	ended 0 ERRNO=12 confirm
	opened=$(<"$LAB_DIR/count")
	for ((n = opened; n < opened + 1000; n += n < opened + 30 ? 1 : 9)); do
		old=$(generation)
		if [[ $command != apply ]]; then
			crmgate apply "$open" --confirm 60s -q
			new=$(generation)
		fi
		ended "$n" "$@"
		((status)) || [[ $(<"$LAB_DIR/count") == *! ]] || break
		[[ $command != apply ]] || new=$(crmgate status -j | jq '.policy |
			if .pending_confirm then .generation else -1 end')
		[[ $1 == KILL=1 && $status != 137 ]] && { echo "call $n: status $status"; return 1; }
		whole "$old" "$new" || { echo "call $n, status $status: $OUTPUT"; return 1; }
		[[ $(pending) != true ]] || crmgate rollback -q
		[[ $(generation) == "$old" ]] || crmgate apply "$closed" -q
		expect 'passed in the end' "$(ack 5)" -eq 0
		crmgate prove -q
		crmgate status --check -q
	done
	expect 'calls tried' "$((n - opened))" -gt 5
	expect 'status without a failure' "$status" -eq 0
	purge
}

t 'A13 A14 not confirmed: the old policy is back, with every process killed' by_itself
t 'A14 the next command finds it and goes on' found_later
t 'A13 confirmed: it stays' fresh confirmed_stays
t 'A13 rollback ends it at once' fresh taken_back
t 'A15 a second apply is refused while one waits' fresh one_at_a_time
t 'confirm: status and metrics show what waits' fresh shown
t 'confirm: counts, levels and bans of the old policy come back' fresh old_state_comes_back
t 'confirm: panic, attach, detach and ban leave the deadline alone' fresh beside_others
t 'confirm: refused where it could not be taken back' fresh no_room_for_both
t 'apply --dry-run changes nothing' fresh dry_run
t 'confirm: wrong times' fresh usage
t 'confirm: apply, each bpf() call fails' fresh each_call ERRNO=12 apply "$open" --confirm 60s
t 'confirm: confirm, each bpf() call fails' fresh each_call ERRNO=12 confirm
t 'confirm: rollback, each bpf() call fails' fresh each_call ERRNO=12 rollback
t 'confirm: apply, killed at each bpf() call' fresh each_call KILL=1 apply "$open" --confirm 60s
t 'confirm: confirm, killed at each bpf() call' fresh each_call KILL=1 confirm
t 'confirm: rollback, killed at each bpf() call' fresh each_call KILL=1 rollback
t_done
