#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# saved.sh - what daemon --manage saves, where it is no good after a reboot, or cannot be
# written: B16, B17.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1
. "$(dirname "$0")/../lib/reboot.sh"

# B17: each way to be no good file; what is left is used, and it is said.
damaged() {
	local name way
	crmgate ban 192.0.2.50
	lab_until saved 192.0.2.50
	stop
	cp -rp "$state" "$LAB_DIR/whole"
	for name in policy.image interfaces.json bans.json budgets.json; do
		for way in empty cut flipped foreign folder; do
			unpin
			rm -rf "$state"
			cp -rp "$LAB_DIR/whole" "$state"
			"$way" "$state/$name"
			start
			lab_until logged "$name is damaged"
			lab_until problem restore_incomplete
			test -e "$state/$name.bad"
			expect_exit 4 crmgate status --check
			[[ $name == interfaces.json ]] || lab_until told restored 'crm1: attached'
			[[ $name == interfaces.json ]] || refused 10
			[[ $name == bans.json ]] || saved_ban
			stop
		done
	done
	crmgate attach crm0 crm1 -q
	manage_again
	crmgate apply "$file" -q
	lab_until no_problem
}
manage_again() { start && lab_until managed; }
saved_ban() { crmgate bans -j | jq -e 'any(.bans[]; .prefix == "192.0.2.50")' >/dev/null; }
empty() { : >"$1"; }
cut() { truncate -s $(($(stat -c %s "$1") / 2)) "$1"; }
flipped() {
	printf '\x00\x01' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") / 2)) conv=notrunc status=none
}
foreign() { echo '{"version": 9}' >"$1"; }
folder() { rm "$1" && mkdir "$1"; }

# An image of another layout is not used; the policy is read from its file again.
another_layout() {
	reboot
	printf '\xff' | dd of="$state/policy.image" bs=1 seek=12 conv=notrunc status=none
	manage
	logged 'was written by another version: the policy file is read again'
	refused 100
	no_problem
	reboot
	printf '\xff' | dd of="$state/policy.image" bs=1 seek=12 conv=notrunc status=none
	mv "$file" "$file.away"
	start
	lab_until problem restore_incomplete
	lab_until logged 'nothing is limited until'
	# The tables have their size, so the file can be applied once it is there again; whoever
	# does has seen what was missing, whether a daemon looks on or not.
	stop KILL
	mv "$file.away" "$file"
	crmgate apply "$file" -q --confirm 10m
	problem restore_incomplete
	crmgate confirm -q
	expect_json "$(crmgate status -j)" 'all(.problems[]; .id != "restore_incomplete")'
	manage
	lab_until no_problem
	refused 100
}

# B16: the files of before are whole, packets are judged, and it is a problem until it ends.
cannot_write() {
	local sums how
	lab_until test -s "$state/bans.json"
	for how in full readonly; do
		rm -rf "$LAB_DIR/old"
		cp -rp "$state" "$LAB_DIR/old"
		"$how"
		sums=$(cd "$state" && sha256sum -- *.json *.image)
		crmgate ban "192.0.2.${#how}" -q
		crmgate apply "$file" -q
		lab_until problem state_unsaved
		expect 'metric' "$(metric 'crmgate_problem{problem="state_unsaved"}')" -eq 1
		expect 'files' "$(cd "$state" && sha256sum -- *.json *.image)" == "$sums"
		expect 'half written' "$(find "$state" -name '.*.new' | wc -l)" -eq 0
		crmgate status --check -q
		refused 100
		umount "$state"
		lab_until no_unsaved
		lab_until saved "192.0.2.${#how}"
	done
	expect 'lines' "$(grep -c 'policy, bans and budgets are not on the disk' "$LAB_DIR/manage.log")" -eq 2
	told manage 'policy, bans and budgets are not on the disk'
}
no_unsaved() { ! problem state_unsaved; }
full() {
	mount -t tmpfs -o size=8m,mode=750 none "$state"
	cp -rp "$LAB_DIR/old/." "$state"
	dd if=/dev/zero of="$state/filler" bs=4k status=none 2>/dev/null || :
}
readonly() {
	mount --bind "$state" "$state"
	mount -o remount,ro,bind "$state"
}

t 'B17 damaged files are put aside' with damaged
t 'B17 an image of another layout' with another_layout
t 'B16 a disk that is full, or read-only' with cannot_write
t_done
