# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# reboot.sh - a managing daemon, and a reboot, to be sourced when the lab is up. A reboot is what
# it leaves: no process, no pin, no link, and another boot_id.

state=/var/lib/crmgate/$LAB_INSTANCE
file=$(closed)

start() { daemon manager --manage &>"$LAB_DIR/manage.log"; }
manage() { start && lab_until enforced && lab_until managed; }
logged() { grep -q "$1" "$LAB_DIR/manage.log"; }
# What `bans -j` says, but for times.
bans() { crmgate bans -j | jq -c '[.bans[] | [.prefix, .service, .origin, .note]] | sort'; }
left() { crmgate bans -j | jq --arg p "$1" '.bans[] | select(.prefix == $p).remaining_seconds'; }
saved() { grep -q "\"$1\"" "$state/bans.json"; }

stop() {
	kill "-${1:-TERM}" "$manager"
	wait "$manager" || :
	lab_until ended
}
unpin() {
	rm -rf "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	lab_until bare
}
bare() { [[ $(ip -n "$LAB-host" -d link) != *prog/xdp* ]]; }
edit() { jq "$2" "$state/$1" >"$LAB_DIR/edited" && cat "$LAB_DIR/edited" >"$state/$1"; }
another_boot() {
	edit bans.json '.boot_id = "another"'
	edit budgets.json '.boot_id = "another"'
}

# reboot [SIGNAL]: until nothing of before runs.
reboot() {
	stop "$@"
	unpin
	another_boot
}

# with FUNCTION: on a new attachment that is managed.
with() {
	manager=
	trap without EXIT
	crmgate attach crm0 crm1 --policy "$file" -q
	manage
	"$@"
}
without() {
	! mountpoint -q "$state" || umount "$state"
	daemon_killed $manager
	rm -rf "$state"
	[[ ! -e $file.away ]] || mv "$file.away" "$file"
} &>/dev/null
