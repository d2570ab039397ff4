#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# requests.sh - requests of plain HTTP are those that the server's own log has, whatever a
# client does; and over a limit of them no more get through, at the cost of nobody else.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

cat >"$LAB_DIR/client.py" <<'EOF'
import socket, sys
host, how, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
c = socket.create_connection((host, 8080))
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
answers = c.makefile("rb")

def head(*lines):
    return "\r\n".join(lines + ("Host: crm.example", "", "")).encode()

def answer():
    length = 0
    while (line := answers.readline().strip().lower()):
        if line.startswith(b"content-length:"):
            length = int(line.split()[1])
    answers.read(length)

get, post = head("GET /api/contacts HTTP/1.1"), "POST /api/contacts HTTP/1.1"
# Looks like requests, and is none.
body = b"GET /api/contacts HTTP/1.1\r\n\r\n" * 32768
for i in range(count):
    if how == "pipelined":
        if i % 16 == 0:
            c.sendall(get * 16)
    elif how == "bytes":
        for n in range(len(get)):
            c.send(get[n:n + 1])
    elif how == "sized":
        size = 983040 if i % 8 == 0 else 500
        c.sendall(head(post, f"Content-Length: {size}") + body[:size])
    elif how == "chunked":
        c.sendall(head(post, "Transfer-Encoding: chunked"))
        for _ in range(60 if i % 8 == 0 else 1):
            c.sendall(b"4000\r\n" + body[:0x4000] + b"\r\n")
        c.sendall(b"0\r\n\r\n")
    answer()
EOF

# plain LIMIT: a policy file for the plain port.
plain() {
	policy plain <<-EOF
		version: 1
		capacity: {sources: 1024, flows: 4096}
		services: {api: {transport: tcp, ports: [8080], protocol: http}}
		policies: [{name: public, service: api, clients: any, limits: {requests: $1}}]
	EOF
}

counted() { metric "crmgate_requests_total{policy=\"public\",verdict=\"$1\"}"; }
logged() { grep -c "^$1 " "$LAB_DIR/access.log"; }

# exact NAME COMMAND...: as many requests as the log has more of, within 0.5 %.
exact() {
	local log before truth count error
	log=$(logged "$LAB_BAD") before=$(counted pass)
	"${@:2}" >"$LAB_DIR/said"
	lab_until drained
	lab_until quiet public
	truth=$(($(logged "$LAB_BAD") - log)) count=$(($(counted pass) - before))
	error=$((count > truth ? count - truth : truth - count))
	measured "$1: $count of $truth requests"
	expect "requests in the log, $1" "$truth" -ge 200
	expect "per mille of $truth requests that are not right, $1" $((error * 1000)) -le $((truth * 5))
}

client() { in_bad python3 "$LAB_DIR/client.py" "$LAB_CRM" "$@"; }
keep_alive() { in_bad wrk -t1 -c16 -d2s "http://$LAB_CRM:8080/api/contacts"; }
one_each() {
	local i
	for ((i = 0; i < 20; i++)); do
		lab_curl bad -o /dev/null "http://crm.example:8080/api/contacts?[1-10]"
	done
}

# Every client, where what arrives is judged in this mode.
every_client() {
	attach "$(plain '{rate: 1G/s}')" --mode "$1"
	exact "$1, wrk, 16 connections kept alive" keep_alive
	exact "$1, curl" one_each
	exact "$1, 16 at once" client pipelined 3200
	exact "$1, bodies with a length" client sized 400
	exact "$1, bodies in parts" client chunked 400
	exact "$1, sent byte by byte" client bytes 200
}

# The server writes what it has answered down a moment later.
all_logged() { (($(counted pass) == $(logged "$LAB_BAD") + RATE * 4)); }

# One client hammers, another sends a request each 100 ms.
RATE=20 SECONDS_HAMMERED=10
limited() {
	local most=$((RATE + RATE * SECONDS_HAMMERED)) served us
	attach "$(plain "{rate: $RATE/s, burst: $RATE}")" --mode native
	: >"$LAB_DIR/access.log"
	us=${EPOCHREALTIME/./}
	lab_spawn hammer bad wrk -t1 -c16 -d"${SECONDS_HAMMERED}s" --timeout 60s \
		"http://$LAB_CRM:8080/api/contacts" >"$LAB_DIR/hammered"
	lab_until at_least 1 counted drop
	in_good curl -sf --rate 10/s -o /dev/null "http://$LAB_CRM:8080/api/contacts?[1-$((RATE * 4))]"
	wait "$hammer"
	# What its closed sockets still have to send is not of this test.
	ip -n "$LAB-bad" link set abu0 down
	us=$((${EPOCHREALTIME/./} - us))
	lab_until quiet public
	lab_until all_logged
	served=$(logged "$LAB_BAD")
	measured "$served requests served of at most $most in $SECONDS_HAMMERED s," \
		"$(counted drop) refused, sent $(metric 'crmgate_drops_total{reason="requests"}') times"
	expect 'requests that were served' "$served" -le $(((RATE + RATE * us / 1000000) * 105 / 100))
	expect 'requests that were served' "$served" -ge $((most * 70 / 100))
	expect 'requests that passed' "$(counted pass)" -eq $((served + RATE * 4))
	expect "the other client's requests" "$(logged "$LAB_GOOD")" -eq $((RATE * 4))
	expect_json "$(crmgate top -j)" --arg a "$LAB_BAD" --argjson n "$served" \
		'.sources[] | select(.address == $a) | .requests == $n'
	expect_json "$(crmgate why "$LAB_BAD" -j)" --argjson n "$served" '.services[0] |
		.requests == $n and .last_reason == "requests" and
		(.limits[] | select(.name == "requests") | .rate == "20/s" and .available <= 20)'
}

t 'requests are those of the log: native' fresh every_client native
t 'requests are those of the log: generic, with GRO' fresh every_client generic
t 'requests are those of the log: TC, with GRO' fresh every_client tc
# The last: it takes the client off the network.
t 'a limit of requests holds, and harms nobody else' fresh limited
t_done
