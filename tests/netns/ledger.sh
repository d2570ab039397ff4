#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ledger.sh - what daemon --manage writes down of two sources, against the counters of the
# interfaces; gaps in enforcement; a daemon that is killed, a disk that is full: B16.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

: "${KILLS:=20}"	# how often the daemon is killed

state=/var/lib/crmgate/$LAB_INSTANCE
file=$(policy both <<-EOF
	version: 1
	capacity: {sources: 65536}
	services: {api: {transport: tcp, ports: [443, 8080], protocol: tls}}
	clients: {partners: {prefixes: [203.0.113.0/24]}}
	policies:
	  - {name: partners, service: api, clients: partners, limits: {packets: {rate: 1M/s}}}
	  - {name: public, service: api, clients: any, mode: shadow, limits: {packets: {rate: 1M/s}}}
EOF
)

narrow=$(policy narrow <<-EOF
	version: 1
	capacity: {sources: 65536}
	services: {api: {transport: tcp, ports: [443, 8080], protocol: tls}}
	clients: {partners: {prefixes: ["$LAB_GOOD6/128"]}}
	policies:
	  - {name: partners, service: api, clients: partners, limits: {packets: {rate: 1M/s}}}
	  - {name: public, service: api, clients: any, mode: shadow, limits: {packets: {rate: 1M/s}}}
EOF
)

# start [TIME]: the daemon, a record each TIME; the process id is in $manager.
start() { daemon manager --manage --ledger-every "${1:-1h}" &>>"$LAB_DIR/manage.log"; }
stop() {
	kill "-${1:-TERM}" "$manager"
	wait "$manager" || :
	lab_until ended
}
record() { metric crmgate_ledger_record; }
no_problem() { ! problem "$1"; }
ledger() { crmgate ledger -j "$@"; }
# total KEY [OPTION]...: of the rows.
total() { ledger "${@:2}" | jq ".total.$1"; }
# What the policies counted, which no record may lack or have twice.
whole() { expect 'bytes out' "$(total bytes_out)" -eq "$(metric 'crmgate_bytes_total{direction="out"}')"; }
# tx INTERFACE, rx INTERFACE: bytes by its own counters. What a veth receives under native XDP
# it counts without Ethernet headers.
tx() { ip -n "$LAB-host" -s -j link show "$1" | jq '.[0].stats64.tx.bytes'; }
rx() { ip -n "$LAB-host" -s -j link show "$1" | jq '.[0].stats64.rx | .bytes + 14 * .packets'; }
# near WHAT VALUE MODEL: within 1 %.
near() {
	jq -en --argjson v "$2" --argjson m "$3" '($v - $m | fabs) <= $m / 100' >/dev/null && return
	echo "$1: $2, the interface says $3"
	return 1
}

# with FUNCTION [ARGUMENT]...: on a new attachment, without a ledger.
with() {
	manager=
	trap without EXIT
	rm -rf "$state"
	crmgate attach crm0 crm1 --policy "$file" -q
	"$@"
}
without() {
	! mountpoint -q "$state" || umount "$state"
	daemon_killed $manager
} &>/dev/null

# Two sources: what left to each, and came from it.
two_sources() {
	local good bad in _
	good=$(tx crm0) bad=$(tx crm1) in=$(($(rx crm0) + $(rx crm1)))
	start
	lab_until at_least 1 record
	for _ in 1 2 3; do
		export_to good
	done
	export_to bad
	lab_until drained
	stop
	expect_json "$(ledger)" '.damaged_lines == 0 and .schema == 1 and
		([.rows[] | select(.source) | [.source, .policy, .client, .state]] | unique) ==
		[["198.51.100.0/24", "public", "any", "shadow"],
		 ["203.0.113.0/24", "partners", "partners", "enforced"]]'
	good=$(($(tx crm0) - good)) bad=$(($(tx crm1) - bad))
	in=$(($(rx crm0) + $(rx crm1) - in))
	near 'out, good' "$(total bytes_out --source 203.0.113.10)" "$good"
	near 'out, bad' "$(total bytes_out --client any)" "$bad"
	near 'out' "$(total bytes_out)" $((good + bad))
	near 'in' "$(total bytes)" "$in"
	expect 'connections' "$(total connections)" -eq 4
	whole
	expect 'table' "$(crmgate ledger)" =~ '203.0.113.0/24 +api +partners +partners +6'
	test "$(stat -c %a "$state"/ledger-*.jsonl)" == 640
	on_a_page
	measured "out $(total bytes_out), the interfaces say $((good + bad)); in $(total bytes), $in"
}

# A client that no record is of, and one that there is not: said, beside a document that is valid.
no_client() {
	start
	lab_until at_least 1 record
	export_to bad
	lab_until drained
	stop
	expect_json "$(ledger --client partners 2>"$LAB_DIR/said")" '.rows == [] and .records > 0'
	expect 'no record' "$(<"$LAB_DIR/said")" == \
		"crmgate: no record of these days is of client 'partners'"
	expect_json "$(ledger --client partnres 2>"$LAB_DIR/said")" '.rows == []'
	expect 'unknown' "$(<"$LAB_DIR/said")" == \
		"crmgate: no client 'partnres' is in the policy in force or in a record; there are any, allow, partners"
	expect 'known' "$(ledger --client any 2>&1 >/dev/null)" == ''
	purge
	ledger --client partnres 2>&1 >/dev/null | grep -q 'in a record; there are any$'
}

# A client that is a part of what the table takes for one source: not what any gets.
part_of_a_source() {
	crmgate apply "$narrow" -q
	start
	lab_until at_least 1 record
	in_good curl -sS --max-time 10 --cacert "$LAB_DIR/cert.pem" -o /dev/null \
		--resolve "crm.example:443:[$LAB_CRM6]" https://crm.example/api/export
	lab_until drained
	stop
	expect 'to the part' "$(total bytes_out --client partners)" -gt 2000000
	expect 'to any' "$(total bytes_out --client any)" -lt 10000
	whole
}

# The figures of one source, and what they do not say.
on_a_page() {
	local page
	page=$(crmgate report --source 203.0.113.10)
	expect 'page' "$page" =~ "At most \*\*$(total bytes_out --source 203.0.113.10) bytes\*\* left to it, over 3 new"
	expect 'cut' "$page" =~ 'The ledger has wider prefixes than this source: what follows is of all'
	expect 'whole' "$(crmgate report --source 203.0.113.0/24 | grep -c 'wider prefixes than' || :)" -eq 0
	expect 'row' "$page" =~ '\| 203.0.113.0/24 \| api \| partners \| partners \| 6'
	expect 'gaps' "$page" =~ ': unwatched'
	expect 'limits' "$page" =~ 'an upper bound'
	expect 'total' "$page" =~ "of all $(total bytes_out) left to no source"
	! grep -F 198.51.100 <<<"$page"
	expect 'nobody' "$(crmgate report --source 192.0.2.77)" =~ 'No record names this source'
	expect_exit 2 crmgate report
}

# What is enforced when: each change ends a record.
gaps() {
	start
	lab_until at_least 1 record
	crmgate panic -q
	lab_until at_least 2 record
	export_to bad
	lab_until drained
	crmgate resume -q
	lab_until at_least 3 record
	crmgate detach crm0 crm1 -q
	lab_until at_least 4 record
	stop
	expect_json "$(ledger)" '[.gaps[].state] | index("panic") and index("detached")'
	expect_json "$(ledger)" 'any(.rows[]; .state == "panic" and .policy == "public" and
		.bytes_out > 2000000 and .source == "198.51.100.0/24")'
}

# What a policy counted in its last minute, before an apply took it away.
removed() {
	start
	lab_until at_least 1 record
	export_to good
	lab_until drained
	sed '/name: partners/d' "$file" >"$LAB_DIR/less.yaml"
	crmgate apply "$LAB_DIR/less.yaml" -q
	lab_until at_least 2 record
	stop
	expect 'of the policy' "$(ledger | jq '[.rows[] | select(.policy == "partners").bytes_out] | add')" \
		-gt 2000000
}

# A daemon that did not run: the sums are whole, and it is told.
not_kept() {
	start
	lab_until at_least 1 record
	stop KILL
	export_to bad
	lab_until drained
	start
	lab_until at_least 2 record
	stop
	whole
	expect_json "$(ledger)" 'any(.gaps[]; .state == "unwatched") and
		any(.rows[]; .state == "unwatched" and .bytes_out > 2000000)'
}

# Killed at random while it writes each second: what was told to be written is there, each
# line is a record, and nothing is counted twice or left out.
killed() {
	local try told=0 last
	for ((try = 0; try < KILLS; try++)); do
		told=$(record)
		start 1s
		lab_curl bad -o /dev/null "https://crm.example/api/contacts"
		lab_until at_least $((told + 1)) record
		read -rt "1.$((RANDOM % 900 + 100))" <> <(:) || :
		told=$(record)
		stop KILL
		last=$(tail -qn 1 "$state"/ledger-*.jsonl | jq -s 'map(.seq) | max')
		expect 'last record' "$last" -ge "$told"
	done
	lab_until drained
	start
	lab_until at_least $((told + 1)) record
	stop
	expect_json "$(ledger)" '.damaged_lines == 0'
	expect 'records' "$(ledger | jq .records)" -eq "$(record)"
	whole
	measured "$KILLS kills, $(record) records"
}

# Enforcement goes on, and what could not be written is written when it can be.
disk_full() {
	mkdir -p "$state"
	mount -t tmpfs -o size=64k,mode=750 none "$state"
	head -c 1M /dev/zero >"$state/filler" 2>/dev/null || :
	start 1s
	lab_until problem ledger_unsaved
	expect 'metric' "$(metric 'crmgate_problem{problem="ledger_unsaved"}')" -eq 1
	lab_until grep -q 'the ledger is not on the disk: .*; make room' "$LAB_DIR/manage.log"
	export_to good
	lab_until drained
	expect 'record' "$(record)" -eq 0
	rm "$state/filler"
	lab_until no_problem ledger_unsaved
	stop
	whole
}

wrong_usage() {
	expect_exit 2 crmgate ledger --from yesterday
	expect_exit 2 crmgate ledger --from 2026-13-01
	expect_exit 2 crmgate ledger --from 2026-02-30
	expect_exit 2 crmgate ledger --from 2999-01-01
	expect_exit 2 crmgate ledger --source 203.0.113.1/24
	expect_exit 2 crmgate daemon --ledger-every 5s
	expect_exit 2 crmgate daemon --manage --ledger-every 1ms
	rm -rf "$state"
	expect_exit 0 crmgate ledger
	expect 'nothing' "$OUTPUT" =~ 'there is no record of this time'
}

# The counters of an interface leave out the repeated headers of a super-packet.
for iface in crm0 crm1; do
	in_host ethtool -K "$iface" gso off tso off
done
t 'two sources: within 1 % of the counters of the interfaces' with two_sources
t 'a client that no record is of, or that there is not' with no_client
t 'a client that is a part of a source' with part_of_a_source
t 'panic and detach are gaps, and part of what is told of a source' with gaps
t 'what a policy counted until an apply took it away' with removed
t 'while no daemon ran: unwatched, and in the sums' with not_kept
t "killed $KILLS times at random: nothing that was written is lost" with killed
t 'B16 a full disk: a problem, and nothing is lost' with disk_full
t 'wrong usage' wrong_usage
t_done
