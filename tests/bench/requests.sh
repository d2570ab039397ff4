#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# requests.sh - requests under TLS as they are estimated, beside those of the server's log: HTTP/2
# with one and several in flight, of servers and clients that tests/netns/tls.sh does not have. A
# server or a client that is not installed has no row.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

SOME=$(quick 200 1000) MANY=$(quick 1000 10000)	# requests of a row

lab_up
lab_nginx "
	server {
		listen 8443 ssl http2;
		ssl_certificate $LAB_DIR/cert.pem; ssl_certificate_key $LAB_DIR/key.pem;
		access_log $LAB_DIR/nginx.log;
		location / { return 200 'a small answer'; }
	}
	server {
		listen 127.0.0.1:9000;
		access_log $LAB_DIR/haproxy.log;
		location / { return 200 'a small answer'; }
	}
"
cat >"$LAB_DIR/client.js" <<'EOF'
const http2 = require('http2');
const [, , url, count, flying] = process.argv;
const c = http2.connect(url, {rejectUnauthorized: false});
let sent = 0, done = 0;
function one() {
	if (sent++ >= +count) return;
	const r = c.request({':path': '/a'});
	r.on('data', () => {});
	r.on('end', () => { if (++done == +count) c.close(); else one(); });
	r.end();
}
for (let i = 0; i < +flying; i++) one();
EOF

# Behind haproxy is nginx, whose log is the truth.
declare -A PORTS=([nginx]=8443)
if command -v haproxy >/dev/null; then
	cat "$LAB_DIR/cert.pem" "$LAB_DIR/key.pem" >"$LAB_DIR/both.pem"
	cat >"$LAB_DIR/haproxy.cfg" <<-EOF
		defaults
			mode http
			timeout connect 5s
			timeout client 30s
			timeout server 30s
		listen tls
			bind :9443 ssl crt $LAB_DIR/both.pem alpn h2,http/1.1
			server nginx 127.0.0.1:9000
	EOF
	lab_spawn HAPROXY host haproxy -db -q -f "$LAB_DIR/haproxy.cfg"
	listens() { in_host ss -Hltn 'sport = :9443' | grep -q .; }
	lab_until listens
	PORTS[haproxy]=9443
fi

fresh "$(policy requests.yaml <<-EOF
	version: 1
	capacity: {sources: 4096}
	services: {api: {transport: tcp, ports: [8443, 9443], protocol: tls}}
	policies: [{name: public, service: api, clients: any, limits: {requests: {rate: 1M/s}}}]
EOF
)"

estimated() { crmgate status -j | jq '.services[0].requests_estimated'; }
logged() { wc -l <"$LAB_DIR/$1.log"; }
settled() { [[ "$(logged "$1") $(estimated)" == "$(logged "$1") $(estimated)" ]]; }

# row SERVER CLIENT COMMAND...: a line of JSON.
row() {
	local log estimate
	say "requests: $1, $2"
	log=$(logged "$1") estimate=$(estimated)
	in_good "${@:3}" >"$LAB_DIR/said" 2>&1
	lab_until settled "$1"
	log=$(($(logged "$1") - log)) estimate=$(($(estimated) - estimate))
	jq -nc --arg server "$1" --arg client "$2" --argjson log "$log" --argjson estimate "$estimate" \
		'{$server, $client, $log, $estimate, percent: (($estimate - $log) * 100 / $log)}'
}

rows() {
	local url="https://$LAB_CRM:${PORTS[$1]}" n
	row "$1" 'curl, one at a time' curl -sk --http2 -o "$LAB_DIR/out" "$url/a?[1-$SOME]"
	row "$1" 'curl, 50 in flight' curl -skZ --http2 --parallel-max 50 -o "$LAB_DIR/out" \
		"$url/a?[1-$SOME]"
	if command -v node >/dev/null; then
		for n in 1 5 50; do
			row "$1" "node, $n in flight" node "$LAB_DIR/client.js" "$url" "$SOME" "$n"
		done
	fi
	if command -v h2load >/dev/null; then
		for n in 1 10 100; do
			row "$1" "h2load, $n in flight" h2load -c2 -n"$MANY" -m"$n" "$url/a"
		done
	fi
}

for server in "${!PORTS[@]}"; do
	rows "$server"
done >"$LAB_DIR/rows"
jq -s . "$LAB_DIR/rows" >"$LAB_DIR/rows.json"

most() { jq '[.[].percent] | max' "$LAB_DIR/rows.json"; }
worst() {
	jq --arg pattern "$1" '[.[] | select("\(.server), \(.client)" | test($pattern)) |
		.percent | fabs] | max' "$LAB_DIR/rows.json"
}
figure 'percent off, HTTP/2 one at a time' '<=' 2 "$(worst 'curl|, 1 in flight|node, 1 ')"
figure 'percent off, HTTP/2 several in flight, nginx' '<=' 25 "$(worst '^nginx, (node|h2load)')"
figure 'percent off, HTTP/2 several in flight, haproxy' '<=' 25 "$(worst '^haproxy, (node|h2load)')"
figure 'percent too many, any row' '<=' 25 "$(most)"
part_done --slurpfile rows "$LAB_DIR/rows.json" '{requests: $rows[0]}'
