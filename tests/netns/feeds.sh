#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# feeds.sh - list files that change, that break, and that nobody renews. T16, T17: what
# was read last holds on, and that it is not what is wanted is seen.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

LIST=$LAB_DIR/enemies.txt
ENEMY=198.51.100.66		# of the namespace that floods
OTHER=198.51.100.67

# feeds [KEY OF THE CLIENT]: refuses whom the list has.
feeds() {
	policy feeds <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443]}}
		clients: {enemies: {files: [enemies.txt]${1:+, $1}}}
		policies: [{name: enemies, service: api, clients: enemies, deny: true}]
	EOF
}

good_list() { printf '%s\t# of the feed\n' "$ENEMY" >"$LIST"; chmod 644 "$LIST"; }
denied() {
	local before
	before=$(metric 'crmgate_drops_total{reason="denied"}')
	pour --dst "$LAB_SINK" --src "$1" --kind ack --count 100
	echo $(($(metric 'crmgate_drops_total{reason="denied"}') - before))
}
stale() { crmgate status -j | jq -r '.problems[] | select(.id == "feed_stale") | .text'; }

in_force() {
	good_list
	attach "$(feeds)" -q
	expect 'denied' "$(denied "$ENEMY")" -eq 100
	expect 'denied' "$(denied "$OTHER")" -eq 0
	expect 'stale' "$(stale)" == ''
	expect 'problem' "$(metric 'crmgate_problem{problem="feed_stale"}')" -eq 0
}

changed_list() {
	echo "$OTHER" >>"$LIST"
	expect_exit 0 crmgate apply
	expect 'says' "$OUTPUT" =~ "client enemies: prefixes $OTHER"
	expect 'denied' "$(denied "$OTHER")" -eq 100
	good_list
	crmgate apply -q
	expect 'denied' "$(denied "$OTHER")" -eq 0
}

# broken PATTERN: the list was just broken.
broken() {
	local generation since
	generation=$(metric crmgate_policy_generation)
	crmgate apply --dry-run >/dev/null 2>&1 || :
	expect 'stale after a dry run' "$(stale)" == ''
	expect_exit 2 crmgate apply
	expect 'says' "$OUTPUT" =~ "$1"
	expect 'generation' "$(metric crmgate_policy_generation)" -eq "$generation"
	expect 'denied' "$(denied "$ENEMY")" -eq 100
	expect 'stale' "$(stale)" =~ "cannot be read again; generation $generation stays"
	expect 'problem' "$(metric 'crmgate_problem{problem="feed_stale"}')" -eq 1
	since=$(crmgate status -j | jq -r '.problems[] | select(.id == "feed_stale").since')
	expect_exit 2 crmgate apply
	expect 'since' "$(crmgate status -j | jq -r '.problems[] | select(.id == "feed_stale").since')" \
		== "$since"
	rm -rf "$LIST"
	good_list
	crmgate apply -q
	expect 'stale' "$(stale)" == ''
}

missing() { rm "$LIST"; broken 'enemies.txt.*No such file'; }
wrong_line() { echo '10.0.0.300' >>"$LIST"; broken 'enemies.txt:2:'; }
a_folder() { rm "$LIST"; mkdir "$LIST"; broken 'this is a directory'; }
a_fifo() { rm "$LIST"; mkfifo "$LIST"; broken 'this is a FIFO'; }
others_may_write() { chmod o+w "$LIST"; broken 'group or others may write'; }

# What was broken in the file that was named is shown to whoever named it, and no more.
another_file() {
	expect_exit 1 crmgate apply "$LAB_DIR/nothing.yaml"
	expect 'stale' "$(stale)" == ''
}

age() {
	touch -d '3 days ago' "$LIST"
	crmgate apply -q
	expect 'age' "$(metric 'crmgate_feed_age_seconds{client="enemies"}' | cut -d. -f1)" -ge $((3 * 86400))
	expect 'age' "$(metric 'crmgate_feed_age_seconds{client="enemies"}' | cut -d. -f1)" -le $((3 * 86400 + 600))
	expect_json "$(crmgate show clients -j)" '.clients[] | select(.name == "enemies") |
		.file_count == 1 and .files_written != null and .max_age_s == null'
	expect 'stale' "$(stale)" == ''
	crmgate apply "$(feeds 'max_age: 7d')" -q
	expect 'stale' "$(stale)" == ''
	crmgate apply "$(feeds 'max_age: 2d')" -q
	expect 'stale' "$(stale)" =~ 'client enemies: its list was written 3d.* ago, max_age is 2d'
	expect 'since' "$(crmgate status -j | jq -r '.problems[0].since | fromdate')" -le \
		$(($(date +%s) - 86400 + 1))
	# Touched on the disk is not yet read.
	touch "$LIST"
	expect 'stale' "$(stale)" != ''
	crmgate apply -q
	expect 'stale' "$(stale)" == ''
}

t 'a list is in force' in_force
t 'a changed list is read again by apply without a file' changed_list
t 'T16 a list that is missing' missing
t 'T16 a list with a wrong line' wrong_line
t 'T16 a folder in the place of a list' a_folder
t 'T16 a FIFO in the place of a list' a_fifo
t 'T16 a list that others may write' others_may_write
t 'a file that is wrong, and that was named' another_file
t 'T17 a list that nobody renews' age
t_done
