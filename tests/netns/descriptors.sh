#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# descriptors.sh - B12: a process that may open few files. A command works, or says what it
# needs and has changed nothing; the daemon refuses clients, and goes on.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

file=$(public 'limits: {packets: {rate: 1000/s}}')
pins=/sys/fs/bpf/crmgate/$LAB_INSTANCE
# From what the dynamic linker needs to what suffices for every command.
counts=(5 6 7 8 9 10 11 12 13 14 15 16 18 20 24 28 32 40 48 64 95 96)

# few COUNT COMMAND...: crmgate with so many descriptors, its output in $OUTPUT. Fails if it
# does not say what to do, or if it goes on for a minute.
few() {
	status=0
	OUTPUT=$(in_host timeout 60 prlimit --nofile="$1:$1" "$CRMGATE" "${@:2}" --instance "$LAB_INSTANCE" \
		2>&1) || status=$?
	((status)) || return 0
	expect "status of ${*:2} with $1 ($OUTPUT)" "$status" -eq 1
	expect "what ${*:2} says with $1" "$OUTPUT" =~ 'ulimit -n'
}

nothing_attached() {
	test ! -e "$pins"
	expect 'XDP programs' "$(in_host ip -d link show | grep -c prog/xdp || :)" -eq 0
	expect 'TC programs' "$(in_host bpftool -j net show | jq '[.[].tc[]] | length')" -eq 0
}

attach_n() {
	local count failed=0
	for count in "${counts[@]}"; do
		few "$count" attach crm0 crm1 --policy "$file" -q
		if ((status)); then
			((++failed))
			nothing_attached
		else
			crmgate status --check -q
			purge
		fi
	done
	expect 'failed' "$failed" -eq $((${#counts[@]} - 1))
}

# What is in force; all of it.
in_force() { crmgate status -j | jq -c '[.policy, .interfaces, .bans]'; }

# command_n COMMAND...: until it works.
command_n() {
	local count before failed=0
	before=$(in_force)
	for count in "${counts[@]}"; do
		few "$count" "$@"
		((status)) || break
		((++failed))
		expect "in force after $* with $count" "$(in_force)" == "$before"
	done
	expect 'failed' "$failed" -ge 1
	expect 'at last' "$status" -eq 0
	crmgate status --check -q
}

every_command() {
	attach "$file" -q
	command_n apply "$file"
	command_n ban 192.0.2.9
	command_n prove
	local command
	for command in status bans metrics events 'why 192.0.2.9' 'top --once' 'show policy'; do
		# shellcheck disable=SC2086
		command_n $command
	done
	purge
}

detach_n() {
	local count
	attach "$file" -q
	for count in "${counts[@]}"; do
		few "$count" detach --all --purge
		((status)) || break
		expect 'XDP programs' "$(in_host ip -d link show | grep -c prog/xdp || :)" -eq 2
	done
	expect 'at last' "$status" -eq 0
	nothing_attached
}

# What the daemon says that it needs, in $least. How many that is depends on the files that
# it inherits too.
daemon_asks() {
	few 20 daemon --listen 127.0.0.1:9751
	expect 'what it says' "$OUTPUT" =~ "ulimit -n ([0-9]+)"
	expect 'of a service' "$OUTPUT" =~ 'LimitNOFILE='
	[[ $OUTPUT =~ ulimit\ -n\ ([0-9]+) ]]
	least=${BASH_REMATCH[1]}
}

# A daemon that could not accept a client does not begin.
daemon_too_few() {
	local count least
	attach "$file" -q
	daemon_asks
	for count in 24 $((least - 1)); do
		few "$count" daemon --listen 127.0.0.1:9751
		expect "status with $count" "$status" -eq 1
	done
	crmgate status --check -q
	purge
}

# More clients than it can hold: they wait or are refused, and it serves again when they went.
# With as many descriptors as it asks for when it has too few.
daemon_with_least() {
	local daemon many least url=http://127.0.0.1:9751
	served() { in_host curl -sf --max-time 1 "$url/metrics" -o "$LAB_DIR/metrics"; }
	attach "$file" -q
	daemon_asks
	measured "the daemon asks for $least descriptors"
	lab_spawn daemon host prlimit --nofile="$least:$least" "$CRMGATE" daemon \
		--instance "$LAB_INSTANCE" --listen 127.0.0.1:9751 &>"$LAB_DIR/daemon.log"
	lab_until served
	coproc MANY { in_host bash -c '
		for i in {1..50}; do exec {fd}<>/dev/tcp/127.0.0.1/9751; done 2>/dev/null
		echo ready; read -r'; }
	many=$MANY_PID
	read -r -u "${MANY[0]}"
	crmgate status --check -q
	echo >&"${MANY[1]}"
	wait "$many" || :
	lab_until served
	grep -q crmgate_packets_total "$LAB_DIR/metrics"
	expect 'the daemon' "$(cat "/proc/$daemon/comm")" == crmgate
	lab_stop "$daemon"
	purge
}

t 'B12 attach with few descriptors' fresh attach_n
t 'B12 every command with few descriptors' fresh every_command
t 'B12 detach --purge with few descriptors' fresh detach_n
t 'B12 a daemon with too few descriptors' fresh daemon_too_few
t 'B12 a daemon with as many descriptors as it asks for' fresh daemon_with_least
t_done
