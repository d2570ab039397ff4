#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# audit.sh - what every command that changes something leaves in the audit log, who did
# it, and what verify says when the log is touched, lost, or could not be written.
cd "$(dirname "$0")/../.." || exit 1
. tests/netns/lib.sh
lab_up
full=
trap '[[ ! $full ]] || umount "$state"; lab_down' EXIT
trap 'exit 130' INT TERM HUP

state=/var/lib/crmgate/$LAB_INSTANCE
file=$(public 'limits: {packets: {rate: 1000/s}}')

entries() { crmgate audit show -j | jq -c ".entries[] | $1"; }
intact() { crmgate audit verify -j | jq -e '.intact and .kernel_compared' >/dev/null; }

every_command() {
	attach "$file" -q
	crmgate apply -q
	crmgate ban -q 192.0.2.77 --for 10m --note 'Jane Doe, 192.0.2.77'
	crmgate unban -q 192.0.2.77
	crmgate panic -q
	crmgate resume -q
	crmgate apply --confirm 60s -q
	crmgate rollback -q
	crmgate apply --confirm 60s -q
	crmgate confirm -q
	crmgate detach crm1 -q
	purge
	expect 'what' "$(entries .what | tr -d '"' | xargs)" == "apply attach attach apply ban unban$(
		) panic resume apply rollback apply confirm detach detach purge"
	expect 'generation' "$(entries 'select(.what == "apply") | .details' | head -n 1)" =~ \
		'generation 1 from '
	test "$(stat -c '%a %u' "$state/audit.log")" == '640 0'
	test "$(stat -c %a "$state")" == 750
	expect_exit 0 crmgate audit verify
	expect 'without pins' "$OUTPUT" =~ 'not compared with the kernel'
}

no_personal_data() {
	expect 'ban' "$(entries 'select(.what == "ban") | [.within, .length]')" == '["192.0.2.0/24",32]'
	! grep -e 'Jane' -e '192\.0\.2\.77' "$state/audit.log"
}

who() {
	SUDO_USER=$'eve\nx' attach "$file" -q
	intact
	expect_json "$(crmgate audit show -j)" --arg boot "$(</proc/sys/kernel/random/boot_id)" \
		--argjson login "$(jq 'if . == 4294967295 then null else . end' /proc/self/loginuid)" \
		'.entries[-1] | .uid == 0 and .euid == 0 and .sudo_user == "eve\nx" and .pid > 0 and
		.boot == $boot and .login_uid == $login'
	crmgate audit | tail -n 1 | grep -F 'eve\x0ax'
}

# Shown with what a person needs: sha256sum alone can check a line.
by_hand() {
	local line body
	line=$(tail -n 1 "$state/audit.log")
	body=${line%,\"hash\":*}
	expect 'hash' "$(printf %s "$body" | sha256sum | cut -d' ' -f1)" == "$(jq -r .hash <<<"$line")"
}

touched() {
	local head lines
	head=$(crmgate audit head)
	lines=$(wc -l <"$state/audit.log")
	cp "$state/audit.log" "$LAB_DIR/log"

	sed -i '3s/attach/detach/' "$state/audit.log"
	expect_exit 1 crmgate audit verify
	expect 'changed' "$OUTPUT" =~ 'line 3: changed'
	expect_exit 1 crmgate audit head

	sed '4d' "$LAB_DIR/log" >"$state/audit.log"
	expect_exit 1 crmgate audit verify
	expect 'removed' "$OUTPUT" =~ 'line 4: entry 5 does not follow entry 3'

	sed '$d' "$LAB_DIR/log" >"$state/audit.log"
	expect_exit 1 crmgate audit verify
	expect 'cut' "$OUTPUT" =~ "the end was cut off: entry ${head%%:*} was written"
	expect_exit 0 crmgate audit verify --file "$state/audit.log"
	expect_exit 1 crmgate audit verify --file "$state/audit.log" --head "$head"

	cp "$LAB_DIR/log" "$state/audit.log"
	expect_exit 0 crmgate audit verify --head "$head"
	expect 'found' "$OUTPUT" =~ 'the entry of --head is in it'
	test "$(wc -l <"$state/audit.log")" == "$lines"
}

reboot() {
	rm -r "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	attach "$file" -q
	expect 'gap' "$(entries 'select(.what == "gap") | .details' | tail -n 1)" =~ 'nothing was enforced'
	intact
}

# A file system without room in the place of the folder: no command waits for it.
disk_full() {
	mount -t tmpfs -o size=4k,mode=750 none "$state"
	full=1
	head -c 1M /dev/zero >"$state/filler" 2>/dev/null || true
	expect_exit 0 crmgate ban 192.0.2.77
	expect 'warning' "$OUTPUT" =~ 'No space left on device; make room; the audit log lacks 1 entry'
	crmgate panic -q
	expect_json "$(crmgate status -j)" '.problems | any(.id == "audit_log")'
	expect 'metric' "$(metric 'crmgate_problem{problem="audit_log"}')" -eq 1
	umount "$state"
	full=
	crmgate resume -q
	expect_json "$(crmgate status -j)" '.problems | all(.id != "audit_log")'
	expect 'hole' "$(entries 'select(.what == "hole") | .missing')" -eq 2
	intact
}

wrong_usage() {
	expect_exit 2 crmgate audit nonsense
	expect_exit 2 crmgate audit verify --head 12:abc
	expect_exit 2 crmgate audit show --head 1:00
	expect_exit 1 crmgate audit verify --file /nonexistent
}

t 'every change of every command is an entry' every_command
t 'no address and no note of a ban is in it' no_personal_data
t 'who: uid, log-in uid, sudo user, boot' who
t 'a line can be checked by hand' by_hand
t 'changed, removed, cut off: named' touched
t 'B18 nothing pinned any more: a gap in enforcement' reboot
t 'B16 a full disk stops no command; the hole has a number' disk_full
t 'wrong usage' wrong_usage
t_done
