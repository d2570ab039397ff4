#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# manage.sh - daemon --manage puts back, within five seconds, whatever of an attachment goes
# missing: pins, links, interfaces; it says what it did, and what it cannot do.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

pins=$(pins)
file=$(closed)

# start [OPTION]...: the daemon, process id in $manager; manage: returns when all is in force.
start() { daemon manager "$@" &>>"$LAB_DIR/manage.log"; }
manage() {
	start --manage
	lab_until alive
}
alive() { healthy && managed && enforced; }
exporter() { pgrep -P "$manager"; }

# soon COMMAND...: within the five seconds that are promised.
soon() {
	local begun=$EPOCHREALTIME
	lab_until "$@"
	jq -en "$EPOCHREALTIME - $begun < 5" >/dev/null || { echo "too late: $*"; return 1; }
}

# with FUNCTION: on a new attachment that is managed.
with() {
	manager='' listener=''
	trap without EXIT
	crmgate attach crm0 crm1 --policy "$file" -q
	manage
	"$@"
	kill "$manager"
	wait "$manager"
}
without() {
	rm -f "/run/crmgate/panic/$LAB_INSTANCE"
	daemon_killed $manager $listener
} &>/dev/null

privileges() {
	expect 'user of the manager' "$(stat -c %u "/proc/$manager")" -eq 0
	expect 'its capabilities: net_admin, perfmon, bpf' \
		"$(awk '/^CapPrm/ { print $2 }' "/proc/$manager/status")" == 000000c000001000
	expect 'no new ones' "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$manager/status")" -eq 1
	expect 'user of the exporter' "$(stat -c %u "/proc/$(exporter)")" -ne 0
	expect 'its capabilities' \
		"$(awk '/^CapPrm/ { print $2 }' "/proc/$(exporter)/status")" == 0000000000000000
	expect_exit 3 timeout 60 nsenter --net="/run/netns/$LAB-host" "$CRMGATE" daemon --manage \
		--instance "$LAB_INSTANCE" --listen 127.0.0.1:9751
	expect 'names the first' "$OUTPUT" =~ "$manager"
}

# B1, B14: nothing changes for packets; that nobody manages any more is shown.
killed() {
	local before served
	served=$(exporter)
	before=$(dropped)
	lab_spawn flood bad "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" --src "$LAB_BAD" \
		--dst "$LAB_CRM" --rate 20000 --seconds 600 >"$LAB_DIR/flood"
	lab_until at_least $((before + 1000)) dropped
	kill -9 "$manager"
	wait "$manager" || :
	lab_until gone "$served"
	lab_until at_least $((before + 20000)) dropped
	manage
	lab_stop "$flood"
	lab_until is $((before + $(jq .arrived "$LAB_DIR/flood"))) dropped
	told manage 'managing begins'
}
gone() { [[ ! -e /proc/$1 ]]; }

hung() {
	kill -STOP "$manager"
	lab_until problem daemon_behind
	# As long as the last proof holds.
	crmgate status --check
	healthy
	refused 100
	kill -CONT "$manager"
	lab_until no_problem
}

# B7: the folder of the pins goes, also of the links; later applies are seen everywhere.
pins_removed() {
	local before generation
	before=$(ls "$pins")
	refused 100
	rm -rf "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	soon enforced
	expect 'pins' "$(ls "$pins")" == "$before"
	expect 'mode and group of a pin' "$(stat -c %a-%g "$pins/events")" == \
		"640-$(getent group crmgate | cut -d: -f3 | grep . || echo 0)"
	refused 100
	told lost 'pins were removed'
	told restored 'pins'
	rm "$pins/xdp_crm1" "$pins/bans"
	soon test -e "$pins/xdp_crm1" -a -e "$pins/bans"
	crmgate apply "$file" -q
	generation=$(crmgate status -j | jq .policy.generation)
	expect 'what the exporter reads' "$(scrape |
		awk '/^crmgate_policy_generation/ { print $2 }')" -eq "$generation"
}

# B8: links taken off, at once and each alone.
links_severed() {
	local hook
	for hook in xdp tc; do
		in_host bpftool link detach pinned "$pins/${hook}_crm1"
		soon enforced
		refused 100
	done
	told lost 'crm1: the program that judges was taken off'
	told lost 'crm1: the TC program was taken off'
	told restored 'crm1: attached'
	expect 'unproven intervals end' "$(metric crmgate_enforcement_ok)" -eq 1
}

# B8: somebody else's program stays, is named, and ours comes back when it goes.
foreign() {
	local id
	in_host bpftool link detach pinned "$pins/xdp_crm1"
	until ip -n "$LAB-host" link set crm1 xdp obj "$LAB_TOOLS/pass.bpf.o" sec xdp 2>/dev/null; do
		in_host bpftool link detach pinned "$pins/xdp_crm1" 2>/dev/null || :
	done
	id=$(in_host ip -d -j link show crm1 | jq '.[0].xdp.prog.id')
	soon told manage "another XDP program \\(id $id\\)"
	lab_until problem foreign_program
	expect 'the foreign one' "$(in_host ip -d -j link show crm1 | jq '.[0].xdp.prog.id')" -eq "$id"
	expect_exit 4 crmgate status --check
	ip -n "$LAB-host" link set crm1 xdp off
	soon enforced
	refused 100
}

# B9: down and up keep what is attached; a new name is followed.
renamed() {
	ip -n "$LAB-host" link set crm1 down
	ip -n "$LAB-host" link set crm1 mtu 1400
	ip -n "$LAB-host" link set crm1 name crmx
	ip -n "$LAB-host" link set crmx up
	soon told restored 'crm1 is now crmx'
	soon enforced
	expect_json "$(crmgate status -j)" '[.interfaces[].name] | sort == ["crm0", "crmx"]'
	expect 'pin' "$(ls "$pins" | grep -c '_crmx$')" -eq 2
	refused 100
	ip -n "$LAB-host" link set crmx down
	ip -n "$LAB-host" link set crmx name crm1
	ip -n "$LAB-host" link set crm1 up mtu 1500
	soon told restored 'crmx is now crm1'
}

# B9: deleted and made anew; between, it is waited for and no zombie is left.
made_anew() {
	ip -n "$LAB-host" link del crm1
	soon told lost 'crm1: the interface is gone; waiting for it'
	lab_until problem interface_gone
	expect_exit 4 crmgate status --check
	expect 'what it says' "$OUTPUT" =~ 'crm1: the interface is gone; daemon --manage waits for it'
	soon test ! -e "$pins/xdp_crm1"
	expect 'attached' "$(metric 'crmgate_interface_attached{interface="crm1",hook="xdp"}')" -eq 0
	lab_link 1 bad abu0 "$LAB_BAD" "$LAB_BAD6"
	soon enforced
	refused 100
	told restored 'crm1: attached \(xdp, tc\)'
}

# B9: what goes to another network namespace takes its programs along, and is missed.
moved() {
	ip -n "$LAB-host" link set crm1 netns "$LAB-good"
	soon told lost 'crm1: moved to another network namespace'
	lab_until problem interface_gone
	expect_exit 4 crmgate prove
	ip -n "$LAB-good" link set crm1 netns "$LAB-host"
	soon told restored 'crm1: back, with its programs'
	soon enforced
	# The daemon sees nothing of it, and what a proof found meanwhile still does not stay.
	kill -STOP "$manager"
	ip -n "$LAB-host" link set crm1 netns "$LAB-good"
	expect_exit 4 crmgate prove
	ip -n "$LAB-good" link set crm1 netns "$LAB-host"
	problem proof_failed
	kill -CONT "$manager"
	soon enforced
	ip -n "$LAB-host" addr add "${LAB_BAD%.*}.1/24" dev crm1
	ip -n "$LAB-host" link set crm1 up
	refused 100
}

# What is taken off on purpose stays off, and comes to no event of the daemon.
on_purpose() {
	crmgate detach crm1 -q
	crmgate detach crm0 -q
	crmgate attach crm0 crm1 -q
	lab_until enforced
	crmgate detach --all --purge -q
	lab_until grep -q 'the state was removed' "$LAB_DIR/manage.log"
	expect 'pins' "$(find "/sys/fs/bpf/crmgate/$LAB_INSTANCE" 2>/dev/null | wc -l)" -eq 0
	crmgate attach crm0 crm1 --policy "$file" -q
	lab_until alive
	expect_json "$(crmgate events -j | jq -s .)" 'all(.[]; .event != "lost")'
	rm "$pins/bans"
	soon test -e "$pins/bans"
}

# B15: any number of signals ends both processes once, with status 0.
stopped() {
	local i child status=0
	child=$(exporter)
	for ((i = 0; i < 20; i++)); do kill -HUP "$manager"; done
	healthy
	for ((i = 0; i < 20; i++)); do kill "$manager" 2>/dev/null || :; done
	wait "$manager"
	gone "$child"
	expect 'sign of life' "$(metric crmgate_manager_heartbeat_timestamp_seconds)" -eq 0
	no_problem
	refused 100
	told manage 'managing ends'
	manage
	# Without the one that serves it does not go on by halves.
	kill -9 "$(exporter)"
	wait "$manager" || status=$?
	expect 'exit status' "$status" -eq 1
	manage
}

# Panic by a file, however that came there.
panic_file() {
	local file=/run/crmgate/panic/$LAB_INSTANCE way
	panicking 0
	file_renamed
	lab_until panicking 1
	lab_until told panic "everything passes by file $file of nobody"
	expect 'in the audit log' "$(crmgate audit -j | jq -r '.entries[] | select(.what == "panic").details')" \
		== "everything passes by file $file of nobody"
	rm "$file"
	lab_until panicking 0
	lab_until told resume "the policy holds again by the removal of file $file"
	for way in file_renamed file_touched file_moved; do at_once "$way"; done
	# It outlives the daemon, which finds it; also in a folder that was made anew.
	kill "$manager"
	wait "$manager"
	crmgate resume
	touch "$file"
	panicking 0
	start --manage
	lab_until panicking 1
	rm -r /run/crmgate/panic
	lab_until panicking 0
	lab_until touch "$file"
	lab_until panicking 1
	rm "$file"
	lab_until panicking 0
}
file_renamed() {
	install -o nobody /dev/null "$LAB_DIR/file"
	cp -p "$LAB_DIR/file" "${file%/*}/.$LAB_INSTANCE"
	mv "${file%/*}/.$LAB_INSTANCE" "$file"
}
file_touched() { touch "$file"; }
file_moved() { mv "$(mktemp -p "$LAB_DIR")" "$file"; }
panicking() { (($(metric crmgate_panic) == $1)); }

# at_once WAY: within 100 ms: that the fastest of three takes, the others wait for the machine.
# `resume` takes the file away, and only once it is gone a new one counts.
at_once() {
	local took=() before
	while ((${#took[@]} < 3)); do
		before=$(panics)
		"$1"
		# The event is written after the switch.
		lab_until at_least $((before + 1)) panics
		took+=("$(after "$file")")
		crmgate resume
		panicking 0
		test ! -e "$file"
	done
	measured "panic by $1 came in force after ${took[*]} s"
	jq -en '$ARGS.positional | map(tonumber) | min <= 0.1' --args "${took[@]}" >/dev/null
}
panics() { crmgate events -j | jq -s 'map(select(.event == "panic")) | length'; }
# after FILE: seconds from its last change to the last panic.
after() {
	local acted
	acted=$(crmgate events -j | jq -sr 'map(select(.event == "panic")) | last.time')
	jq -n "$(date -d "$acted" +%s.%N) - $(stat -c %.Z "$1")"
}

# B14: what systemd is told, and when.
notified() {
	local told=$LAB_DIR/notified
	python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
while True:
    print(s.recv(256).decode(), flush=True)' "$LAB_DIR/notify" >>"$told" &
	listener=$!
	lab_until test -S "$LAB_DIR/notify"
	kill "$manager"
	wait "$manager"
	export NOTIFY_SOCKET=$LAB_DIR/notify
	manage
	lab_until grep -q READY=1 "$told"
	lab_until at_least 3 grep -c WATCHDOG=1 "$told"
	kill -STOP "$manager"
	lab_until problem daemon_behind
	local beats
	beats=$(grep -c WATCHDOG=1 "$told")
	expect 'none from who hangs' "$(grep -c WATCHDOG=1 "$told")" -eq "$beats"
	kill -CONT "$manager"
	kill "$manager"
	wait "$manager"
	lab_until grep -q STOPPING=1 "$told"
	expect 'times ready' "$(grep -c READY=1 "$told")" -eq 1
	# The exporter alone says the same.
	: >"$told"
	start
	lab_until grep -q READY=1 "$told"
	lab_until at_least 2 grep -c WATCHDOG=1 "$told"
	lab_stop "$manager"
	lab_until grep -q STOPPING=1 "$told"
	unset NOTIFY_SOCKET
	manage
}

t 'the manager keeps three capabilities, the exporter none; B13 one an instance' with privileges
t 'B1 kill -9 of the manager under load' with killed
t 'B14 a manager that hangs is a problem' with hung
t 'B7 pins removed' with pins_removed
t 'B8 links taken off' with links_severed
t 'B8 a foreign program in the place' with foreign
t 'B9 down, up, another MTU, another name' with renamed
t 'B9 an interface deleted and made anew' with made_anew
t 'B9 an interface in another namespace' with moved
t 'detach and purge are no loss' with on_purpose
t 'B15 signals, and an exporter that died' with stopped
t 'panic by a file' with panic_file
t 'B14 READY, WATCHDOG, STOPPING' with notified
t_done
