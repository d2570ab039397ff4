#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lossy.sh - requests are those of the server's log too where the path loses segments and
# brings others out of order; that it did is proven by the stacks' counters.
. "$(dirname "$0")/lib.sh"

SEED=${SEED:-7} LOST=10 HELD=50	# of a thousand frames

# What reads bodies before it answers is behind nginx.
lab_up && lab_nginx "
	server {
		listen 8081; listen 8444 ssl;
		ssl_certificate $LAB_DIR/cert.pem; ssl_certificate_key $LAB_DIR/key.pem;
		location / {
			proxy_pass http://127.0.0.1:9000; proxy_http_version 1.1;
			proxy_set_header Connection ''; client_body_buffer_size 2m;
		}
	}
	server { listen 127.0.0.1:9000; access_log off; location / { return 200 'stored'; } }
" && lab_far "$SEED" "$LOST" "$HELD" || exit 1

cat >"$LAB_DIR/client.py" <<'EOF'
import http.client, ssl, sys
host, port, count, size, how = sys.argv[1], *map(int, sys.argv[2:4]), int(sys.argv[4]), sys.argv[5]
# Looks like requests, and is none.
body = b"GET /api/contacts HTTP/1.1\r\n\r\n" * (size // 28)
parts = lambda: (body[i:i + 4096] for i in range(0, len(body), 4096))
if port == 8444:
    c = http.client.HTTPSConnection(host, port, context=ssl._create_unverified_context())
else:
    c = http.client.HTTPConnection(host, port)
for i in range(count):
    if size:
        c.request("POST", "/api/contacts", body=parts() if how == "chunked" else body)
    else:
        c.request("GET", "/api/contacts")
    c.getresponse().read()
EOF

# limited MODE: a policy file for both ports, of which one is plain.
limited() {
	policy limited <<-EOF
		version: 1
		mode: $1
		capacity: {sources: 1024, flows: 4096}
		services:
		  plain: {transport: tcp, ports: [8081], protocol: http}
		  sealed: {transport: tcp, ports: [8444], protocol: tls}
		policies:
		  - {name: plain, service: plain, clients: any, limits: {requests: {rate: 1G/s}}}
		  - {name: sealed, service: sealed, clients: any, limits: {requests: {rate: 1G/s}}}
	EOF
}
counted() {
	local name=crmgate_requests_total
	[[ $1 == plain ]] || name=crmgate_requests_estimated_total
	metric "$name{policy=\"$1\",verdict=\"pass\"}"
}
logged() { grep -c "^$LAB_FAR " "$LAB_DIR/access.log"; }
away() { ! in_host ss -Htn state connected exclude time-wait dst "$LAB_FAR" | grep -q .; }
settled() { [[ $(logged) == "$(logged)" ]] && quiet "$1"; }

# near POLICY NAME COMMAND...: within 5 % of the log.
near() {
	local log count truth error
	log=$(logged) count=$(counted "$1")
	"${@:3}" >"$LAB_DIR/said"
	lab_until away
	lab_until settled "$1"
	truth=$(($(logged) - log)) count=$(($(counted "$1") - count))
	error=$((count > truth ? count - truth : truth - count))
	measured "$2: $count of $truth requests"
	expect "requests in the log, $2" "$truth" -ge 100
	expect "percent of $truth requests that are not right, $2" $((error * 100)) -le $((truth * 5))
}

client() { in_far python3 "$LAB_DIR/client.py" "$LAB_CRM" "$@"; }
keep_alive() { in_far wrk -t1 -c16 -d1s --timeout 30s "$1://$LAB_CRM:$2/api/contacts"; }

in_parts() { near plain "$1, HTTP, python POST 20 kB in parts" client 8081 100 20000 chunked; }
every_client() {
	attach "$(limited enforce)" -q
	near plain "HTTP, wrk, 16 connections kept alive" keep_alive http 8081
	near plain "HTTP, python GET" client 8081 100 0 -
	near plain "HTTP, python POST 20 kB" client 8081 100 20000 sized
	in_parts enforce
	measured "$(metric 'crmgate_drops_total{reason="early"}') segments early"
	near sealed "TLS, wrk, 16 connections kept alive" keep_alive https 8444
	near sealed "TLS, python GET" client 8444 100 0 -
	near sealed "TLS, python POST 20 kB" client 8444 100 20000 sized
}
unlimited() {
	attach "$(limited shadow)" -q
	in_parts shadow
}

stacked() { nsenter --net="/run/netns/$LAB-$1" -- nstat -asz "$2" | awk -v n="$2" '$1 == n { print $2 }'; }

# The path did what it is for. How often depends on how much wrk asks for in its second.
proven() {
	lab_stop "$LAB_LOSSY"
	lab_until test -s "$LAB_DIR/lossy"
	measured "the path: $(<"$LAB_DIR/lossy"); sent again $(stacked far TcpRetransSegs)," \
		"out of order $(stacked host TcpExtTCPOFOQueue)"
	expect 'frames lost' "$(jq .lost "$LAB_DIR/lossy")" -ge 10
	expect 'segments sent again' "$(stacked far TcpRetransSegs)" -ge 10
	expect 'segments out of order' "$(stacked host TcpExtTCPOFOQueue)" -ge 10
}

t 'requests are near those of the log on a bad path' fresh every_client
t 'and where nothing is refused' fresh unlimited
t 'the path was bad' proven
t_done
