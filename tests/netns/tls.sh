#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tls.sh - requests under TLS as they are estimated, against the access log of the server, for
# clients of both versions of HTTP and of TLS; and a limit of them against one that hammers.
# ROUNDS and SECONDS_LONG make it thorough.
. "$(dirname "$0")/lib.sh"

ROUNDS=${ROUNDS:-1}
SECONDS_LONG=${SECONDS_LONG:-5}
PORT=8443	# a port with HTTP/2 too, and a server behind it that reads bodies

lab_up && lab_nginx "
	server {
		listen $PORT ssl http2; listen [::]:$PORT ssl http2;
		ssl_certificate $LAB_DIR/cert.pem; ssl_certificate_key $LAB_DIR/key.pem;
		access_log $LAB_DIR/tls.log;
		location /a { return 200 'a small answer'; }
		location /large { alias $LAB_DIR/export.bin; }
		location /early { return 200 'before the body'; }
		location /post {
			proxy_pass http://127.0.0.1:9000; proxy_http_version 1.1;
			proxy_set_header Connection ''; client_body_buffer_size 2m;
		}
	}
	server { listen 127.0.0.1:9000; access_log off; location / { return 200 'stored'; } }
" || exit 1

head -c 1000000 /dev/urandom >"$LAB_DIR/1M"
head -c 500 /dev/zero | tr '\0' x >"$LAB_DIR/500"

cat >"$LAB_DIR/client.py" <<'EOP'
import http.client, ssl, sys
host, port, count, path, body, version = sys.argv[1:7]
context = ssl._create_unverified_context()
if version == "1.2":
    context.maximum_version = ssl.TLSVersion.TLSv1_2
c = http.client.HTTPSConnection(host, int(port), context=context)
for i in range(int(count)):
    c.request("POST" if int(body) else "GET", path, body=b"x" * int(body) or None)
    c.getresponse().read()
EOP
cat >"$LAB_DIR/client.js" <<'EOP'
const http2 = require('http2');
const [, , url, count, flying, bytes] = process.argv;
const c = http2.connect(url, {rejectUnauthorized: false});
const body = +bytes ? Buffer.alloc(+bytes, 'x') : undefined;
let sent = 0, done = 0;
function one() {
	if (sent++ >= +count) return;
	const r = c.request({':path': body ? '/post' : '/a', ':method': body ? 'POST' : 'GET'});
	r.on('data', () => {});
	r.on('end', () => { if (++done == +count) c.close(); else one(); });
	r.end(body);
}
for (let i = 0; i < +flying; i++) one();
EOP

# curl COUNT PATH OPTION...: so many requests on one connection; each OPTION a line of its
# configuration, with @ for the folder of the lab.
curl_row() {
	local count=$1 i
	for ((i = 0; i < count; i++)); do
		((i == 0)) || echo next
		printf '%s\n' "url=https://$HOST:$PORT$2" insecure silent output=/dev/null "${@:3}"
	done | sed "s|@|@$LAB_DIR/|" >"$LAB_DIR/curl"
	in_good curl -K "$LAB_DIR/curl"
}
curl_each() {
	local i
	for ((i = 0; i < $1; i++)); do
		curl_row 1 "${@:2}"
	done
}
curl_parallel() {
	local i
	{
		printf '%s\n' insecure silent "${@:3}"
		for ((i = 0; i < $1; i++)); do
			printf '%s\n' "url=https://$HOST:$PORT$2?$i" output=/dev/null
		done
	} >"$LAB_DIR/curl"
	in_good curl --parallel --parallel-max 50 -K "$LAB_DIR/curl"
}
python_row() { in_good python3 "$LAB_DIR/client.py" "${HOST//[][]/}" "$PORT" "$@"; }
node_row() { in_good node "$LAB_DIR/client.js" "https://$HOST:$PORT" "$@"; }
wrk_row() { in_good wrk -t1 -c10 -d1 "https://$HOST:$PORT/a"; }

logged() { wc -l <"$LAB_DIR/tls.log"; }
estimated() { metric 'crmgate_requests_estimated_total{policy="public",verdict="pass"}'; }
settled() { [[ $(logged) == "$(logged)" ]] && quiet public; }

# row PERCENT NAME COMMAND...: the estimate is within so much of the log, or one request.
row() {
	local percent=$1 name=$2 log estimate round
	for ((round = 0; round < ROUNDS; round++)); do
		log=$(logged) estimate=$(estimated)
		"${@:3}" >"$LAB_DIR/said"
		lab_until settled
		log=$(($(logged) - log)) estimate=$(($(estimated) - estimate))
		measured "$name: log $log, estimate $estimate"
		expect 'requests in the log' "$log" -gt 0
		jq -en --argjson l "$log" --argjson e "$estimate" --argjson p "$percent" \
			'($l - $e | fabs) <= ([1, $l * $p / 100] | max)' >/dev/null || {
			echo "$name: $estimate estimated, $log logged"
			return 1
		}
	done
}

limited() {
	policy "limited" <<-EOF
		version: 1
		capacity: {sources: 4096}
		services:
		  api: {transport: tcp, ports: [$PORT], protocol: tls}
		policies:
		  - {name: public, service: api, clients: any, limits: {requests: {$1}}}
	EOF
}

http1() {
	attach "$(limited 'rate: 1M/s')" -q
	for HOST in "$LAB_CRM" "[$LAB_CRM6]"; do
		for v in 1.2 1.3; do
			row 0.5 "HTTP/1.1 $v curl GET" curl_row 100 /a http1.1 tls-max=$v
			row 0.5 "HTTP/1.1 $v python GET" python_row 100 /a 0 $v
			row 0.5 "HTTP/1.1 $v python POST 500" python_row 100 /post 500 $v
		done
	done
	HOST=$LAB_CRM
	for v in 1.2 1.3; do
		row 0.5 "HTTP/1.1 $v curl GET 2 MB" curl_row 5 /large http1.1 tls-max=$v
		row 0.5 "HTTP/1.1 $v curl, a connection each" curl_each 20 /a http1.1 tls-max=$v
		row 0.5 "HTTP/1.1 $v curl POST 1 MB" curl_row 10 /post http1.1 tls-max=$v \
			'data-binary="@1M"' 'header="Expect:"'
		row 0.5 "HTTP/1.1 $v curl POST 1 MB, 100-continue" curl_row 10 /post http1.1 \
			tls-max=$v 'data-binary="@1M"' 'header="Expect: 100-continue"'
		row 0.5 "HTTP/1.1 $v curl POST 1 MB, early answer" curl_row 10 /early http1.1 \
			tls-max=$v 'data-binary="@1M"' 'header="Expect:"'
		row 0.5 "HTTP/1.1 $v python POST 1 MB" python_row 10 /post 1000000 $v
	done
	row 0.5 "HTTP/1.1 wrk, 10 connections" wrk_row
}

http2() {
	attach "$(limited 'rate: 1M/s')" -q
	for HOST in "$LAB_CRM" "[$LAB_CRM6]"; do
		for v in 1.2 1.3; do
			row 2 "HTTP/2 $v curl, 300 a connection" curl_row 300 /a http2 tls-max=$v
			row 2 "HTTP/2 $v curl, parallel" curl_parallel 200 /a http2 tls-max=$v
		done
	done
	HOST=$LAB_CRM
	for v in 1.2 1.3; do
		row 2 "HTTP/2 $v curl, a connection each" curl_each 20 /a http2 tls-max=$v
		row 2 "HTTP/2 $v curl POST 1 MB" curl_row 10 /post http2 tls-max=$v 'data-binary="@1M"'
		row 2 "HTTP/2 $v curl POST 500" curl_row 50 /post http2 tls-max=$v 'data-binary="@500"'
		row 2 "HTTP/2 $v curl GET 2 MB" curl_row 5 /large http2 tls-max=$v
	done
}

many_in_a_record() {
	if ! command -v node >/dev/null; then
		measured "HTTP/2 node: not tried, there is none"
		return
	fi
	HOST=$LAB_CRM
	attach "$(limited 'rate: 1M/s')" -q
	row 2 "HTTP/2 node, one at a time" node_row 200 1 0
	row 25 "HTTP/2 node, 5 in flight" node_row 300 5 0
	row 25 "HTTP/2 node, 50 in flight" node_row 1000 50 0
	row 25 "HTTP/2 node POST 500, 10 in flight" node_row 200 10 500
}

# What comes through is what the limit says, less what who hammers loses by waiting.
hammered() {
	local passed most harmed us
	attach "$(limited 'rate: 20/s, burst: 20')" -q
	HOST=$LAB_CRM
	: >"$LAB_DIR/tls.log"
	us=${EPOCHREALTIME/./}
	lab_spawn hammer bad wrk -t1 -c10 "-d${SECONDS_LONG}" --timeout 10s "https://$HOST:$PORT/a" \
		>"$LAB_DIR/wrk"
	lab_until at_least 1 metric 'crmgate_requests_estimated_total{policy="public",verdict="drop"}'
	python_row 20 /a 0 1.3
	wait "$hammer"
	lab_until settled
	passed=$(grep -c "^$LAB_BAD " "$LAB_DIR/tls.log")
	harmed=$(grep -c "^$LAB_GOOD " "$LAB_DIR/tls.log")
	# Its sockets send on when it has ended.
	us=$((${EPOCHREALTIME/./} - us))
	most=$(wrk_most)
	measured "20/s, burst 20: $passed of at most $most passed, and 20 of another source"
	expect 'of another source' "$harmed" -eq 20
	expect 'requests that passed' "$passed" -le $(((20 + 20 * us / 1000000) * 105 / 100))
	expect 'requests that passed' "$passed" -ge $((most * 70 / 100))
}
# What a limit of 20/s with a burst of 20 lets pass in the time that wrk took.
wrk_most() { awk '/ requests in / { sub("s,", "", $4); print int(20 + 20 * $4) }' "$LAB_DIR/wrk"; }

t 'requests of HTTP/1.1 under TLS' fresh http1
t 'requests of HTTP/2 under TLS' fresh http2
t 'several requests of HTTP/2 in a record' fresh many_in_a_record
t 'a limit of requests under TLS holds' fresh hammered
t_done
