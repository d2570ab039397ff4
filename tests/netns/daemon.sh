#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# daemon.sh - the HTTP endpoint under bad clients, and a flood of
# refusals; it never stops answering others.
. "$(dirname "$0")/lib.sh"

lab_up || exit 1

attach "$(public 'limits: {packets: {rate: 10/s}}')" -q || exit 1

listen=127.0.0.1:9750
url=http://$listen
lab_spawn daemon host "$CRMGATE" daemon --instance "$LAB_INSTANCE" --listen "$listen" \
	&>"$LAB_DIR/daemon.log"
healthy() { in_host curl -sf --max-time "${1:-1}" "$url/healthz" -o /dev/null; }
lab_until healthy || exit 1

endpoint() {
	in_host curl -sf "$url/metrics" | promtool check metrics
	expect 'content type' "$(in_host curl -sf "$url/metrics" -o /dev/null -w '%{content_type}')" \
		=~ 'text/plain; version=0.0.4'
	expect 'another path' "$(in_host curl -s "$url/nosuch" -o /dev/null -w '%{http_code}')" -eq 404
	expect 'another method' \
		"$(in_host curl -s -X DELETE "$url/metrics" -o /dev/null -w '%{http_code}')" =~ ^40[05]$
	expect 'HEAD' "$(in_host curl -sI "$url/metrics" -o /dev/null -w '%{http_code}')" -eq 200
	# It listens where it was told, and runs as a user without capabilities.
	expect 'from elsewhere' "$(in_good curl -s --max-time 1 "http://$LAB_CRM:9750/metrics" |
		wc -c)" -eq 0
	expect 'user' "$(stat -c %u "/proc/$daemon")" -ne 0
	expect 'capabilities' "$(awk '/^CapEff/ { print $2 }' "/proc/$daemon/status")" == 0000000000000000
}

# slow COUNT SECONDS: that many connections that send half a request and then wait.
slow() {
	in_host bash -c '
		for ((i = 0; i < $1; i++)); do
			exec {fd}<>/dev/tcp/127.0.0.1/9750 && printf "GET /metrics HTTP/1.1\r\nHost" >&$fd
		done 2>/dev/null
		echo ready
		read -r' - "$1"
}

slowloris() {
	coproc SLOW { slow 300; }
	local slow=$SLOW_PID i
	read -r -u "${SLOW[0]}"
	for ((i = 0; i < 5; i++)); do
		healthy 1
	done
	echo >&"${SLOW[1]}"
	wait "$slow" || :
	healthy 1
}

# However many connections come from one address: who is slow at another one is not cut off.
one_address() {
	local i
	coproc EARLY { in_host python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", 9750), source_address=("127.0.0.2", 0))
s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
print("ready", flush=True)
sys.stdin.readline()
s.sendall(b"Connection: close\r\n\r\n")
print(s.recv(100).decode().splitlines()[0], flush=True)'; }
	local early=$EARLY_PID answer
	read -r -u "${EARLY[0]}"
	coproc SLOW { slow 300; }
	local slow=$SLOW_PID
	read -r -u "${SLOW[0]}"
	healthy 1
	echo >&"${EARLY[1]}"
	read -r -u "${EARLY[0]}" answer
	expect 'who came first' "$answer" =~ '200 OK'
	echo >&"${SLOW[1]}"
	wait "$slow" "$early" || :
}

bad_requests() {
	local i
	# A header of 1 MB, nonsense, and 100 requests in one go.
	in_host curl -s -H "X: $(printf '%0100000d' 0)" "$url/metrics" -o /dev/null || :
	in_host bash -c 'exec 3<>/dev/tcp/127.0.0.1/9750
		head -c 1000000 /dev/zero | tr "\0" x >&3; cat <&3' &>/dev/null || :
	healthy 1
	in_host bash -c 'exec 3<>/dev/tcp/127.0.0.1/9750; printf "\0\1\2\r\n\r\n" >&3; cat <&3' \
		&>/dev/null || :
	healthy 1
	in_host bash -c 'exec 3<>/dev/tcp/127.0.0.1/9750
		for i in {1..100}; do printf "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"; done >&3
		printf "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" >&3
		timeout 60 cat <&3' >"$LAB_DIR/pipeline"
	expect 'pipelined answers' "$(grep -c '^HTTP/1.1 200' "$LAB_DIR/pipeline")" -eq 101
	healthy 1
	in_host wrk -t1 -c50 -d1s "$url/metrics" >"$LAB_DIR/wrk"
	healthy 1
	expect 'the daemon' "$(cat "/proc/$daemon/comm")" == crmgate
}


# T12, D11, D14: a million refusals give a bounded number of events and log lines,
# and every refusal is either told or counted as suppressed.
refusals_are_bounded() {
	local lines
	lines=$(wc -l <"$LAB_DIR/daemon.log")
	flood public --kind ack --sources 3000 --seconds 4
	jq -en --argjson e "$(metric crmgate_events_total)" --argjson f "$sent" \
		'$e > 10 and $e <= (400 + 200 * ($f.taken - $f.from)) * 1.005 + 1' ||
		{ metric crmgate_events_total; return 1; }
	expect 'told and suppressed' \
		"$(($(metric crmgate_events_total) + $(metric crmgate_events_suppressed_total)))" \
		-eq "$(policy_value public dropped_packets)"
	expect 'events kept' "$(crmgate events -j | wc -l)" -le 4096
	expect 'log lines' "$(($(wc -l <"$LAB_DIR/daemon.log") - lines))" -le 2000
}

# E2: names come from the file; what Prometheus could misread cannot get in.
odd_labels() {
	local name
	for name in 'a"b' $'a\nb' 'a\b' "$(printf '%0255d' 0)"; do
		jq -n --arg n "$name" '{version: 1,
			services: {api: {transport: "tcp", ports: [443]}},
			policies: [{name: $n, service: "api", clients: "any", deny: true}]}' \
			>"$LAB_DIR/odd.yaml"
		expect_exit 2 crmgate apply "$LAB_DIR/odd.yaml"
	done
	crmgate ban 192.0.2.77 --for 1m --origin "$(printf '%031d' 7)" --note $'quote " here'
	in_host curl -sf "$url/metrics" | promtool check metrics
	expect_exit 2 crmgate ban 192.0.2.78 --note $'\e[31mred'
	crmgate unban 192.0.2.77
}

t 'main: /metrics and /healthz' endpoint
t 'D15 three hundred half requests' slowloris
t 'D15 three hundred connections of one address' one_address
t 'D15 large headers, nonsense, pipelining' bad_requests
t 'T12 D11 D14 events and log lines are bounded' refusals_are_bounded
t 'E2 labels cannot break the format' odd_labels
lab_stop "$daemon"
t_done
