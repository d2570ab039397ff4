#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# survive.sh - enforcement does not depend on any process of crmgate: kill -9, a
# stopped daemon, a refused program, attach over attach.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

file=$(closed)
attach "$file" -q || exit 1

# flood_start, flood_end: in between, every packet must be dropped by the policy.
flood_start() {
	before=$(dropped)
	nsenter --net="/run/netns/$LAB-bad" "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" \
		--src "$LAB_BAD" --dst "$LAB_CRM" --rate 20000 --seconds 600 >"$LAB_DIR/flood" &
	flood=$!
	lab_until more_than "$before"
}
more_than() { (($(dropped) > $1)); }
flood_end() {
	lab_stop "$flood"
	lab_until is $((before + $(jq .arrived "$LAB_DIR/flood"))) dropped
}

kill_everything() {
	local daemon counted
	daemon daemon
	lab_until healthy
	flood_start
	counted=$(scrape | awk '/^crmgate_packets_total.*"closed".*"drop"/ { print $2 }')
	kill -9 "$daemon"
	wait "$daemon" || :
	lab_until more_than "$counted"
	# E4: the next daemon goes on with the kernel's numbers.
	daemon daemon
	lab_until healthy
	expect 'after the restart' \
		"$(scrape | awk '/^crmgate_packets_total.*"closed".*"drop"/ { print $2 }')" -gt "$counted"
	flood_end
	lab_stop "$daemon"
}

stop_daemon() {
	local daemon
	daemon daemon
	lab_until healthy
	flood_start
	kill "$daemon"
	wait "$daemon"
	expect_json "$(crmgate status -j)" \
		'(.interfaces | map(.xdp_mode) == ["native", "native"]) and .problems == []'
	flood_end
}

# B2 in small: new programs under the old links, no packet without a program.
attach_again() {
	local i
	flood_start
	for ((i = 0; i < 20; i++)); do
		crmgate attach crm0 crm1 -q
	done
	flood_end
}

# B5: the kernel refuses every program of the new build: the old one stays.
refused_program() {
	local id
	id=$(in_host ip -d -j link show crm1 | jq '.[0].xdp.prog.id')
	flood_start
	FAILBPF_COMMAND=5 FAILBPF_FROM=1 FAILBPF_ERRNO=13 LD_PRELOAD=$BUILD/tests/lib/failbpf.so \
		expect_exit 1 crmgate attach crm0 crm1
	expect 'what it says' "${OUTPUT,,}" =~ 'verifier|program|load'
	flood_end
	expect 'program' "$(in_host ip -d -j link show crm1 | jq '.[0].xdp.prog.id')" -eq "$id"
}

two_daemons() {
	local daemon status=0
	daemon daemon
	lab_until healthy
	expect_exit 3 timeout 60 nsenter --net="/run/netns/$LAB-host" "$CRMGATE" daemon \
		--instance "$LAB_INSTANCE" --listen "$DAEMON_AT"
	expect 'names the first' "$OUTPUT" =~ "$daemon"
	healthy
	lab_stop "$daemon"
}

# B15: signals in any number end it once, with status 0.
signals() {
	local daemon i
	for signal in TERM INT; do
		daemon daemon
		lab_until healthy
		for ((i = 0; i < 20; i++)); do kill -HUP "$daemon"; done
		healthy
		for ((i = 0; i < 20; i++)); do kill -"$signal" "$daemon" 2>/dev/null || :; done
		wait "$daemon"
	done
}

# B19: the clock on the wall jumps a day on, two back, and is right again. A ban for an hour stays
# one, an apply waits as long as it was told to, and whoever manages has nothing to complain of.
clock_jumps() {
	local seconds before
	purge
	attach "$(public 'limits: {packets: {rate: 1M/s}}')" -q
	echo 0 >"$LAB_DIR/jump"
	lab_spawn manager host env JUMP="$LAB_DIR/jump" LD_PRELOAD="$BUILD/tests/lib/jump.so" \
		"$CRMGATE" daemon --manage --instance "$LAB_INSTANCE" --listen "$DAEMON_AT"
	trap 'kill -KILL "$manager" || :' EXIT
	lab_until managed
	jumped ban "$LAB_FAR" --for 1h -q
	for seconds in 86400 -86400 0; do
		jumped apply "$file" --confirm 60s -q
		echo "$seconds" >"$LAB_DIR/jump"
		expect_json "$(jumped bans -j)" '.bans |
			map(.remaining_seconds | . > 3000 and . <= 3600) == [true]'
		expect_json "$(jumped status -j)" '.policy.pending_confirm'
		jumped rollback -q
		before=$(banned)
		flood public --src "$LAB_FAR" --count 50
		expect 'refused' "$(banned)" -eq $((before + $(jq .arrived <<<"$sent")))
		jumped prove -q
		lab_until no_problem
		jumped status --check -q
	done
	lab_stop "$manager"
	lab_until ended
	jumped audit verify
	jumped unban "$LAB_FAR" -q
	crmgate apply "$file" -q
}
jumped() { JUMP=$LAB_DIR/jump LD_PRELOAD=$BUILD/tests/lib/jump.so crmgate "$@"; }
banned() { metric 'crmgate_drops_total{policy="public",reason="banned"}'; }

# A16: no daemon runs, a lock file of a dead process lies about.
stale_lock() {
	mkdir -p /run/crmgate
	echo 999999999 >"/run/crmgate/$LAB_INSTANCE.lock"
	crmgate apply "$file"
	crmgate ban 192.0.2.200 --for 1m
	crmgate unban 192.0.2.200
	crmgate events -j
	crmgate metrics
}

# A stranger reads nothing and is told why, in one line.
stranger() {
	OUTPUT=$(in_host setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$CRMGATE" status --instance "$LAB_INSTANCE" 2>&1) && return 1
	expect 'what it says' "$OUTPUT" =~ 'root|group|permission'
	expect 'lines' "$(wc -l <<<"$OUTPUT")" -eq 1
}

t 'B1 E4 kill -9 under a flood changes no verdict' kill_everything
t 'T15 stopping the daemon changes nothing' stop_daemon
t 'B2 attach again under a flood leaves no gap' attach_again
t 'B5 a refused program leaves the old one' refused_program
t 'B13 a second daemon says who runs' two_daemons
t 'B15 signal storms' signals
t 'B19 the clock on the wall jumps' clock_jumps
t 'A16 no daemon, stale lock' stale_lock
t 'A16 a user without rights is told so' stranger
t_done
