#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# calibrate.sh - requests counted beside nginx's own access log, over IPv4 and IPv6, while
# it is rotated and while nginx buffers it; and what calibrate says of what it cannot use.
. "$(dirname "$0")/lib.sh"

plain() {
	policy plain <<-EOF
		version: 1
		capacity: {sources: 65536}
		services:
		  plain: {transport: tcp, ports: [8080], protocol: http}
		  other: {transport: tcp, ports: [443]}
		clients:
		  bad: {prefixes: [$LAB_BAD/32, "2001:db8:66::/64"]}
		policies:
		  - {name: bad, service: plain, clients: bad, limits: {requests: {rate: 1/m, burst: 5}}}
		  - {name: public, service: plain, clients: any, limits: {requests: {rate: 1M/s}}}
	EOF
}

# get NAMESPACE COUNT [CURL OPTION]... ADDRESS: so many requests over one connection.
get() {
	"in_$1" curl -s -o /dev/null "${@:3:$#-3}" "http://${*: -1}:8080/api/contacts?[1-$2]"
}

# calibrating OPTION...: begins in the background and counts when it returns.
calibrating() {
	lab_spawn PID host "$CRMGATE" calibrate --instance "$LAB_INSTANCE" --service plain \
		--log "$LAB_DIR/access.log" --late "${LATE:-2s}" -j "$@" >"$LAB_DIR/calibrated" 2>"$LAB_DIR/said"
	lab_until grep -q 'counting for' "$LAB_DIR/said"
}

# calibrated FILTER...: it has ended, and each filter is true of what it printed.
calibrated() {
	local filter
	wait "$PID"
	measured "$(jq -c '{logged, requests, refused, lines_left_out}' "$LAB_DIR/calibrated")"
	for filter; do
		expect_json "$(<"$LAB_DIR/calibrated")" "$filter"
	done
}

of() { echo ".sources[] | select(.address == \"$1\") | [.logged, .requests, .error_percent]"; }

exact() {
	attach "$(plain)"
	get good 3 "$LAB_CRM"
	calibrating --for 60s
	get good 40 "$LAB_CRM"
	get good 25 "[$LAB_CRM6]"
	# Renamed; nginx goes on with the old file until it is told.
	mv "$LAB_DIR/access.log" "$LAB_DIR/access.log.1"
	get good 20 "$LAB_CRM"
	kill -USR1 "$LAB_NGINX"
	lab_until test -e "$LAB_DIR/access.log"
	get good 15 "$LAB_CRM"
	kill -INT "$PID"
	calibrated "[$(of "$LAB_GOOD")] == [[75, 75, 0]]" \
		"[$(of 2001:db8:7::/64)] == [[25, 25, 0]]" \
		'.logged == 100 and .requests == 100 and .error_percent == 0 and .refused == 0' \
		'.lines_left_out | .unreadable == 0 and .no_request == 0 and .uncounted == 0'
}

# An abuser's sixth request is dropped, whatever he sends; the log comes seconds later. An
# interrupt ends the time: with it everything that came before.
buffered() {
	sed -i 's/\(access.log\);/\1 buffer=64k flush=1s;/' "$LAB_DIR/nginx.conf"
	kill -HUP "$LAB_NGINX"
	lab_until get good 1 "$LAB_CRM"
	LATE=3s calibrating --for 60s
	get good 30 "$LAB_CRM"
	! get bad 8 --max-time 1 "$LAB_CRM"
	kill -INT "$PID"
	calibrated "[$(of "$LAB_BAD")] == [[5, 5, 0]]" \
		'.logged == .requests and .refused >= 1' \
		'(.to | fromdate) - (.from | fromdate) | . >= 1 and . < 30'
}

text() {
	LATE=1h calibrating --for 2s
	get good 4 "$LAB_CRM"
	lab_until grep -q 'waiting 3600 s' "$LAB_DIR/said"
	kill -INT "$PID"
	calibrated 'true'
	expect_exit 1 crmgate calibrate --service plain --log "$LAB_DIR/access.log" --for 1s \
		--late 1s
	expect 'said' "$OUTPUT" =~ 'nothing to compare: no request was counted at service plain'
}

refused() {
	local line
	expect_exit 2 crmgate calibrate --service plain
	expect 'no log' "$OUTPUT" =~ 'needed are --service NAME and --log FILE'
	expect_exit 2 crmgate calibrate --service none --log "$LAB_DIR/access.log"
	expect 'no service' "$OUTPUT" =~ 'no service "none"; see crmgate show services'
	expect_exit 2 crmgate calibrate --service other --log "$LAB_DIR/access.log"
	expect 'no limit' "$OUTPUT" =~ 'service other: no policy of it has requests read, so none are counted'
	expect_exit 1 crmgate calibrate --service plain --log "$LAB_DIR/nothing"
	expect 'no file' "$OUTPUT" =~ 'nothing: cannot open: No such file'
	expect_exit 2 crmgate calibrate --service plain --log "$LAB_DIR"
	expect 'a folder' "$OUTPUT" =~ 'not a regular file; name the file that the server writes'
	for line in '--for 0s' '--for 1500ms' '--for 2d' '--late x' '-n 0'; do
		# shellcheck disable=SC2086 # two words
		expect_exit 2 crmgate calibrate --service plain --log "$LAB_DIR/access.log" $line
		expect "$line" "$OUTPUT" =~ 'calibrate: -'
	done
}

# An apply in between would compare counts of two policies.
applied() {
	calibrating --for 60s
	crmgate apply "$LAB_DIR/plain.yaml" -q
	kill -INT "$PID"
	! wait "$PID"
	expect 'said' "$(<"$LAB_DIR/said")" =~ 'another policy came into force meanwhile'
}

lab_up
lab_nginx
t 'calibrate: as many as nginx logged, IPv4 and IPv6, over a rotation' exact
t 'calibrate: a log that is written late; what was refused; an interrupt' buffered
t 'calibrate: an interrupt of the wait; nothing to compare' text
t 'calibrate: an apply meanwhile' applied
t 'calibrate: what it says of what it cannot use' refused
t_done
