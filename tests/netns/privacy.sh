#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# privacy.sh - what is kept of whom: a source that is forgotten is in no file and no table any
# more, and banned and counted as before; what is left tells that, and not of whom.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

state=/var/lib/crmgate/$LAB_INSTANCE

# kept ADDRESSES [POLICY LINE]: a policy file that keeps addresses so.
kept() {
	local more=${2-'limits: {packets: {rate: 1M/s}}'}
	policy "$1" <<-EOF
		version: 1
		capacity: {sources: ${SOURCES:-65536}}
		privacy: {addresses: $1}
		services: {api: {transport: tcp, ports: [443, 8080], protocol: tls}}
		policies:
		  - {name: public, service: api, clients: any, $more}
	EOF
}

start() { daemon manager --manage --ledger-every "${1:-1h}" &>>"$LAB_DIR/manage.log"; }
stop() {
	kill -TERM "$manager"
	wait "$manager" || :
	lab_until ended
}
record() { metric crmgate_ledger_record; }
ledger() { crmgate ledger -j "$@"; }
total() { ledger "${@:2}" | jq ".total.$1"; }
# known ADDRESS: it is in the table.
known() {
	crmgate top --once -n 1000 -j |
		jq -e --arg a "$1" 'any(.sources[]; .address == $a)' >/dev/null
}
# named TEXT: files of the state that it is in, but for the bans that are in force.
named() { grep -rlaF -e "$1" "$state" --exclude=bans.json || :; }
intact() { crmgate audit verify -j | jq -e '.intact and .kernel_compared' >/dev/null; }
# in_events ADDRESS
in_events() { crmgate events -j | jq -es --arg a "$1" 'any(.[]; .address == $a)' >/dev/null; }

# A command that has to fail: `!` alone ends no test.
not() { ! "$@"; }

# with FILE FUNCTION [ARGUMENT]...: on a new attachment, without files.
with() {
	manager=
	trap without EXIT
	rm -rf "$state"
	crmgate attach crm0 crm1 --policy "$1" -q
	"${@:2}"
}
without() { daemon_killed $manager; } &>/dev/null

# While the daemon goes on: what it writes next has no name either.
forgotten() {
	local sum
	start
	lab_until at_least 1 record
	export_to good
	export_to bad
	crmgate ban -q "$LAB_BAD" --for 1h --note 'of Jane Doe'
	lab_until drained
	crmgate panic -q
	lab_until at_least 2 record
	crmgate resume -q
	lab_until at_least 3 record
	expect 'before' "$(total bytes_out --source "$LAB_BAD")" -gt 2000000
	known "$LAB_BAD"
	in_events "$LAB_BAD"
	expect 'whole' "$(crmgate events --private)" =~ ban\ +$LAB_BAD
	sum=$(total bytes_out)

	expect_exit 0 crmgate forget "$LAB_BAD" -j --note 'request 17'
	expect_json "$OUTPUT" '.schema == 1 and .ledger_entries >= 1 and .sources == 1 and
		.damaged_lines == 0'
	expect 'rows' "$(ledger --source "$LAB_BAD" | jq '.rows | length')" -eq 0
	expect 'sum' "$(total bytes_out)" -eq "$sum"
	expect 'the other one' "$(total bytes_out --source "$LAB_GOOD")" -gt 2000000
	expect 'files' "$(named "$LAB_BAD")" == ''
	not known "$LAB_BAD"
	not in_events "$LAB_BAD"
	expect_exit 1 grep -c Jane <(crmgate events -j)
	known "$LAB_GOOD"
	stop
	expect 'files, later' "$(named "$LAB_BAD")" == ''
	expect 'sum, later' "$(total bytes_out)" -eq "$(metric 'crmgate_bytes_total{direction="out"}')"

	expect 'ban' "$(crmgate bans -j | jq -r '.bans[].prefix')" == "$LAB_BAD"
	not export_to bad
	expect_json "$(crmgate audit -j)" '.entries | map(select(.what == "forget")) |
		(map(.details) == ["a source is being erased: request 17", "a source was erased: request 17"]) and
		all(.[]; .within == null)'
	intact
	expect_exit 0 crmgate forget "$LAB_BAD"
	expect 'again' "$OUTPUT" =~ 'erased: 0 entries of the ledger, [01] source'
}

# What it did goes; what still limits it does not.
limits_hold() {
	not export_to bad
	not export_to bad
	crmgate forget "$LAB_BAD" -q
	known "$LAB_BAD"
	expect_json "$(crmgate top --once -n 1000 -j)" --arg a "$LAB_BAD" \
		'.sources[] | select(.address == $a) | .bytes_out == 0 and .connections == 0'
	not export_to bad
	expect 'dropped' "$(policy_value public dropped_packets)" -gt 0
}

# What was sent is written down once a minute; who is erased is out of that file at once, also
# where no daemon runs, or nothing is attached; but for what still counts.
out_of_budgets() {
	export_to bad
	lab_until drained
	start
	lab_until saved_with "$LAB_BAD"
	crmgate forget "$LAB_BAD" -q
	lab_until not saved_with "$LAB_BAD"
	export_to bad
	export_to good
	lab_until drained
	stop
	expect_json "$(crmgate forget "$LAB_BAD" -j)" '.saved_budgets == 1'
	not saved_with "$LAB_BAD"
	rm -r "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	counts 32767
	expect_json "$(crmgate forget "$LAB_GOOD" -j)" '.saved_budgets == 0'
	saved_with "$LAB_GOOD"
	counts 0
	expect 'text' "$(crmgate forget "$LAB_GOOD")" =~ '0 sources of the tables, 1 saved budget$'
	not saved_with "$LAB_GOOD"
}
# counts TIME: how long, in 2^-15 of its window, the last whole eighth of each budget still counts.
counts() {
	local edited
	edited=$(jq --argjson t "$1" '.sources[].windows[].left[0] = $t' "$state/budgets.json")
	cat <<<"$edited" >"$state/budgets.json"
}
saved_with() { grep -qsF "$1" "$state/budgets.json"; }

# Files of before a purge, and of a host where nothing is attached.
without_tables() {
	start
	lab_until at_least 1 record
	export_to bad
	lab_until drained
	stop
	purge
	crmgate forget 198.51.100.0/24 -q
	expect 'files' "$(named "$LAB_BAD")" == ''
	expect 'sum' "$(total bytes_out)" -gt 2000000
	expect_exit 0 crmgate audit verify
	expect_json "$(crmgate audit -j)" '.entries[-1].what == "forget"'
}

# lacks TEXT WORD...: it says something, and none of these.
lacks() {
	local word
	[[ -n $1 ]] || { echo 'nothing was said'; return 1; }
	for word in "${@:2}"; do
		expect 'text' "$(grep -cF -e "$word" <<<"$1" || :)" -eq 0
	done
}

# pseudonyms ADDRESS NOTE: one for each day (UTC) on which it was met.
pseudonyms() { crmgate reveal "$1" --note "$2"; }

# sent_to PSEUDONYM...: bytes out.
sent_to() {
	local sum=0 name
	for name in "$@"; do
		((sum += $(total bytes_out --source "$name"))) || :
	done
	echo "$sum"
}

# revealed: how often the log has that something was.
revealed() { crmgate audit -j | jq '[.entries[] | select(.what == "reveal")] | length'; }

# The ledger has pseudonyms: who asks why is told the address, and the log is told that. Over
# midnight there are two of a source.
hidden() {
	local name names found count keys
	start
	lab_until at_least 1 record
	export_to good
	export_to bad
	lab_until drained
	stop
	expect 'files' "$(named 198.51.100)" == ''
	expect 'by address' "$(total bytes_out --source "$LAB_BAD")" -eq 0
	# At once, before any figure.
	expect 'page by address' "$(crmgate report --source "$LAB_BAD")" =~ \
		'No record names this source.'$'\n\n''Addresses of these days are pseudonyms in the ledger'
	found=$(pseudonyms "$LAB_BAD" 'request 18')
	mapfile -t names <<<"$found"
	for name in "${names[@]}"; do
		expect 'names' "$name" =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9a-f]{36}$
		expect_json "$(ledger)" --arg p "$name" 'any(.rows[]; .source == $p)'
	done
	expect 'bytes' "$(sent_to "${names[@]}")" -gt 2000000
	expect 'page' "$(crmgate report --source "$name")" =~ "What was sent to $name"
	expect 'no caveat' "$(crmgate report --source "$name" | grep -c 'Addresses ' || :)" -eq 0
	expect 'address' "$(crmgate reveal "$name" --note 'incident 17')" == "$LAB_BAD"
	expect_json "$(crmgate reveal "$name" --note again -j)" --arg a "$LAB_BAD" '.address == $a'
	found=$(crmgate events -j | jq -r 'select(.event == "reveal").detail')
	lacks "$found" "$LAB_BAD"
	expect 'events' "$(wc -l <<<"$found")" -eq 3
	count="${#names[@]} pseudonym"
	((${#names[@]} == 1)) || count+=s
	expect_json "$(crmgate audit -j)" --arg p "$name" --arg n "$count" '.entries |
		map(select(.what == "reveal")) | length == 3 and
		.[0].details == $n + " of an address: request 18" and
		(.[1].details == $p + ": incident 17")'
	intact

	expect_exit 2 crmgate reveal "$name"
	expect 'why' "$OUTPUT" =~ '--note TEXT is needed'
	expect_exit 2 crmgate reveal "${name%?}" --note x
	expect_exit 2 crmgate reveal "${name:0:11}000102030405060708090a0b0c0d0e0f0000" --note x
	expect 'digits' "$OUTPUT" =~ 'is a digit wrong'
	expect 'told' "$(revealed)" -eq 4
	expect_json "$(crmgate audit -j)" '.entries[-1] | .what == "reveal" and
		(.details | endswith("0e0f0000 (failed): x"))'
	intact
	keys=$(stat -c %a "$state"/ledger-*.key | sort -u)
	expect 'mode' "$keys" == 600

	# A log that cannot be written: nothing is told.
	mv "$state/audit.log" "$state/audit.old"
	mkdir "$state/audit.log"
	expect_exit 1 crmgate reveal "$name" --note x
	expect 'untold' "$OUTPUT" =~ 'nothing is told'
	lacks "$OUTPUT" "$LAB_BAD"
	rmdir "$state/audit.log"
	mv "$state/audit.old" "$state/audit.log"

	# Events that are to be kept have pseudonyms too, and no note.
	crmgate ban -q "$LAB_BAD" --for 1h --note 'of Jane Doe'
	lacks "$(crmgate events --private)" "$LAB_BAD" Jane
	found=$(crmgate events --private -j)
	lacks "$found" "$LAB_BAD" Jane
	found=$(jq -r 'select(.event == "ban").address' <<<"$found")
	expect 'ban' "$(crmgate reveal "$found" --note x)" == "$LAB_BAD"
	crmgate unban -q "$LAB_BAD"

	# Found under its pseudonyms, and nobody else; then the keys are destroyed.
	expect_exit 0 crmgate forget "$LAB_BAD" -j
	expect_json "$OUTPUT" --argjson n "${#names[@]}" '.ledger_entries == $n'
	expect 'bytes' "$(sent_to "${names[@]}")" -eq 0
	found=$(pseudonyms "$LAB_GOOD" x)
	mapfile -t names <<<"$found"
	rm "$state"/ledger-*.key
	expect_exit 1 crmgate reveal "${names[-1]}" --note x
	expect 'destroyed' "$OUTPUT" =~ 'nobody can tell'
	expect_json "$(crmgate audit -j)" --arg p "${names[-1]}" \
		'.entries[-1].details == $p + " (failed): x"'
	expect 'others' "$(sent_to "${names[@]}")" -gt 2000000
}

# waited FILE: somebody waits for a lock on it.
waited() { grep -q -e "-> FLOCK .*:$(stat -c %i "$1") " /proc/locks; }

# A forget that has to wait, for a daemon that writes a record, lets commands go on.
waits() {
	local lock=$state/.ledger.lock held forget
	start
	lab_until at_least 1 record
	export_to bad
	lab_until drained
	stop
	exec {held}>>"$lock"
	flock "$held"
	crmgate forget "$LAB_BAD" -q {held}>&- &
	forget=$!
	lab_until waited "$lock"
	crmgate ban -q 192.0.2.77 --for 10s
	exec {held}>&-
	wait "$forget"
	expect 'files' "$(named "$LAB_BAD")" == ''
	expect 'log' "$(crmgate audit -j | jq -r '.entries[-1].what')" == forget
	intact
}

# A record that waits for its disk has names; of who is forgotten meanwhile it has none.
beats() { metric crmgate_manager_heartbeat_timestamp_seconds; }
unwritten() {
	local day beat
	start 1s
	lab_until at_least 1 record
	kill -STOP "$manager"
	day=$(echo "$state"/ledger-*.jsonl)
	mv "$day" "$LAB_DIR/day"
	mkdir "$day"
	kill -CONT "$manager"
	lab_until problem ledger_unsaved
	export_to bad
	lab_until drained
	beat=$(beats)
	lab_until at_least $((beat + 3)) beats
	not crmgate forget "$LAB_BAD" -q
	beat=$(record)
	kill -STOP "$manager"
	rmdir "$day"
	mv "$LAB_DIR/day" "$day"
	kill -CONT "$manager"
	lab_until at_least $((beat + 1)) record
	stop
	expect 'files' "$(named "$LAB_BAD")" == ''
	expect 'sum' "$(total bytes_out)" -gt 2000000
}

# pinned MAP: where it is; word NUMBER: its bytes, the least first.
pinned() { find "/sys/fs/bpf/crmgate/$LAB_INSTANCE" -name "$1"; }
word() { echo $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
# dump MAP: its elements with something in them.
dump() {
	bpftool -j map dump pinned "$(pinned "$1")" |
		jq -c '.[].formatted | select([.value | .. | numbers] | any(. != 0))'
}

# A forget that was killed while it had a slot: the next command ends what it began.
cut_short() {
	local line way tag control at
	export_to bad
	lab_until drained
	lab_until known "$LAB_BAD"
	line=$(dump tags)
	expect 'lines' "$(wc -l <<<"$line")" -eq 1
	way=$(jq '[.value.tag[] != 0] | index(true)' <<<"$line")
	# State 1 (CRMG_TAG_BUSY) of bits 13 to 15.
	tag=$(jq ".value.tag[$way]" <<<"$line")
	line=$(jq ".value.tag[$way] = $((tag & ~(7 << 13) | 1 << 13))" <<<"$line")
	bpftool map update pinned "$(pinned tags)" key $(word "$(jq .key <<<"$line")") \
		value $(for tag in $(jq '.value.tag[]' <<<"$line"); do word "$tag"; done)
	not known "$LAB_BAD"
	# Which slot, + 1.
	mapfile -t control < <(bpftool -j map dump pinned "$(pinned control)" | jq -r '.[0].value[]')
	at=$(bpftool -j btf dump file "$BUILD/bpf/crmgate.bpf.o" |
		jq '.types[] | select(.kind == "STRUCT" and .name == "crmg_control").members[] |
			select(.name == "forgetting").bits_offset / 8')
	bpftool map update pinned "$(pinned control)" key 0 0 0 0 value "${control[@]:0:at}" \
		$(word $(($(jq .key <<<"$line") * 8 + way + 1))) "${control[@]:at+4}"
	crmgate ban -q 192.0.2.77 --for 10s
	expect 'tags' "$(dump tags)" == ''
	expect 'slots' "$(dump details | jq -c 'select(.key < 1024)')" == ''
	export_to bad
	lab_until drained
	known "$LAB_BAD"
}

# Nothing is known, a part of it only, or nobody can say: so the log has it.
in_words() {
	expect_exit 0 crmgate forget 192.0.2.9 --note 'request 19'
	expect 'nothing' "$OUTPUT" =~ 'erased: 0 entries of the ledger, 0 sources'
	expect_json "$(crmgate audit -j)" '.entries[-1].details ==
		"nothing was known of a source that was to be erased: request 19"'
	echo "$LAB_BAD" >"$state/bans.json.bad"
	echo "$LAB_BAD" >"$state/budgets.json.bad"
	expect_exit 0 crmgate forget "$LAB_BAD"
	expect 'files' "$OUTPUT" =~ '2 damaged files that had been put aside could have named it'
	expect 'files' "$(named "$LAB_BAD")" == ''
	mkdir "$state/ledger-2026-01-01.jsonl"
	not crmgate forget "$LAB_BAD"
	expect_json "$(crmgate audit -j)" '.entries[-1].details ==
		"a source was erased in part: to be done again"'
	rmdir "$state/ledger-2026-01-01.jsonl"
	echo "$LAB_BAD" >"$state/bans.json.bad"
	purge
	expect 'files' "$(named "$LAB_BAD")" == ''
}

wrong_usage() {
	expect_exit 2 crmgate forget
	expect_exit 2 crmgate forget 203.0.113.1/24
	expect_exit 2 crmgate forget 0.0.0.0/0
	expect 'everybody' "$OUTPUT" =~ 'everybody'
	expect_exit 2 crmgate forget 192.0.2.1 --note $'a\nb'
	rm -rf "$state"
	expect_exit 0 crmgate forget 192.0.2.1
	[[ ! -e $state ]]
}

t 'forget: in no file, table or event; banned and counted as before' \
	with "$(kept full)" forgotten
t 'forget: a budget that is used up stays so' \
	with "$(kept full 'limits: {bytes_out: [{quota: 1MB, per: 1h}]}, on_budget: cut')" limits_hold
t 'forget: out of the file of budgets at once' \
	with "$(kept full 'limits: {bytes_out: [{quota: 100MB, per: 1d}]}')" out_of_budgets
t 'forget: where nothing is attached' with "$(kept full)" without_tables
t 'pseudonyms: revealed to who says why, forgotten, and nobody can tell without the key' \
	with "$(kept pseudonym)" hidden
t 'forget: a record that could not be written yet' with "$(kept full)" unwritten
t 'forget: waits for the ledger, and no command for it' with "$(kept full)" waits
t 'forget: killed while it had a slot' with "$(SOURCES=1024 kept full)" cut_short
t 'forget: nothing known, a part, and files that were put aside' with "$(kept full)" in_words
t 'wrong usage' wrong_usage
t_done
