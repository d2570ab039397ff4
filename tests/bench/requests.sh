#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# requests.sh - requests under TLS as they are estimated, beside those of the server's log, of
# servers and clients that tests/netns/tls.sh does not have: HTTP/2 with one and several in flight,
# a browser, a path that loses segments, segments that come as one, and clients and servers that no
# rule was made for. Each row is of several runs. What is not installed is named, and has no figure.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

HERE=$(dirname "$0")
SOME=$(quick 200 1000) MANY=$(quick 1000 10000) UPLOADS=200	# requests of a run
RUNS=$(quick 1 3)
SEED=7 LOST=10 HELD=50	# of a thousand frames, on the path that is bad
PATIENCE=120		# seconds for a client

lab_up
lab_far "$SEED" "$LOST" "$HELD"

# ------------------------------------------------------------------ servers

# Behind each server but nginx itself is nginx, whose log is the truth.
declare -A PORTS=([nginx]=8443)
behind() { echo $((PORTS[$1] + 1000)); }
! command -v haproxy >/dev/null || PORTS[haproxy]=8444
! command -v caddy >/dev/null || PORTS[caddy]=8445
! [[ -e /usr/lib/lighttpd/mod_gnutls.so ]] || PORTS[lighttpd]=8446

api() {
	cat <<-END
		access_log $LAB_DIR/$1.log;
		location /a { return 200 'a small answer'; }
		location /calls.html { default_type text/html; root $LAB_DIR; }
		location /post {
			proxy_pass http://127.0.0.1:9000; proxy_http_version 1.1;
			proxy_set_header Connection ''; client_body_buffer_size 2m;
		}
	END
}
servers() {
	local server
	echo "server {
		listen ${PORTS[nginx]} ssl http2;
		ssl_certificate $LAB_DIR/cert.pem; ssl_certificate_key $LAB_DIR/key.pem;
		$(api nginx)
	}
	server { listen 127.0.0.1:9000; access_log off; location / { return 200 'stored'; } }"
	for server in haproxy caddy lighttpd; do
		[[ ! ${PORTS[$server]-} ]] ||
			echo "server { listen 127.0.0.1:$(behind "$server"); $(api "$server") }"
	done
}
cp "$HERE/requests.html" "$LAB_DIR/calls.html"
head -c 1000000 /dev/zero >"$LAB_DIR/1M"
lab_nginx "$(servers)"
cat "$LAB_DIR/cert.pem" "$LAB_DIR/key.pem" >"$LAB_DIR/both.pem"

cat >"$LAB_DIR/haproxy.cfg" <<EOC
	defaults
		mode http
		timeout connect 5s
		timeout client 30s
		timeout server 30s
	listen tls
		bind :${PORTS[haproxy]-} ssl crt $LAB_DIR/both.pem alpn h2,http/1.1
		server nginx 127.0.0.1:$(behind haproxy)
EOC
# It makes no authority of its own, and has no certificate trusted.
NO_AUTHORITY='{
	admin off
	auto_https off
	skip_install_trust
}'
cat >"$LAB_DIR/Caddyfile" <<EOC
$NO_AUTHORITY
https://:${PORTS[caddy]-} {
	tls $LAB_DIR/cert.pem $LAB_DIR/key.pem
	reverse_proxy 127.0.0.1:$(behind caddy)
}
EOC
cat >"$LAB_DIR/lighttpd.conf" <<EOC
	server.modules = ("mod_gnutls", "mod_proxy")
	server.document-root = "$LAB_DIR"
	server.port = ${PORTS[lighttpd]-}
	ssl.engine = "enable"
	ssl.pemfile = "$LAB_DIR/both.pem"
	proxy.server = ("" => (("host" => "127.0.0.1", "port" => $(behind lighttpd))))
EOC
# A gateway at the client's end, which speaks HTTP/2 with the servers: a client in Go.
gateway() { echo $((PORTS[$1] - 1000)); }
{
	echo "$NO_AUTHORITY"
	for server in "${!PORTS[@]}"; do
		cat <<-EOC
			http://:$(gateway "$server") {
				reverse_proxy https://$LAB_CRM:${PORTS[$server]} {
					transport http {
						tls_insecure_skip_verify
						max_conns_per_host 1
					}
				}
			}
		EOC
	done
} >"$LAB_DIR/Gateway"

# What a program keeps in its user's folder goes with the lab.
HOMELY=(env HOME="$LAB_DIR" XDG_DATA_HOME="$LAB_DIR" XDG_CONFIG_HOME="$LAB_DIR")
listens() { "in_$1" ss -Hltn "sport = :$2" | grep -q .; }
# serve SERVER COMMAND...: on the host, if it is installed.
serve() {
	[[ ${PORTS[$1]-} ]] || return 0
	lab_spawn SERVER host "${HOMELY[@]}" "${@:2}" &>"$LAB_DIR/$1.said"
	lab_until listens host "${PORTS[$1]}"
}
serve haproxy haproxy -db -q -f "$LAB_DIR/haproxy.cfg"
serve caddy caddy run --adapter caddyfile --config "$LAB_DIR/Caddyfile"
serve lighttpd lighttpd -D -f "$LAB_DIR/lighttpd.conf"
if [[ ${PORTS[caddy]-} ]]; then
	lab_spawn GATEWAY good "${HOMELY[@]}" caddy run --adapter caddyfile \
		--config "$LAB_DIR/Gateway" &>"$LAB_DIR/gateway.said"
	lab_until listens good "$(gateway nginx)"
fi

LIMITS=$(policy requests.yaml <<-END
	version: 1
	capacity: {sources: 4096}
	services: {api: {transport: tcp, ports: [$(IFS=,; echo "${PORTS[*]}")], protocol: tls}}
	policies: [{name: public, service: api, clients: any, limits: {requests: {rate: 1M/s}}}]
END
)

# --------------------------------------------------------------------- rows

estimated() { crmgate status -j | jq '.services[0].requests_estimated'; }
logged() { wc -l <"$LAB_DIR/$1.log"; }
settled() { [[ "$(logged "$1") $(estimated)" == "$(logged "$1") $(estimated)" ]]; }

# What shows that a path is what it is called.
stacked() {
	nsenter --net="/run/netns/$LAB-$1" -- nstat -asz "$2" | awk -v n="$2" '$1 == n { print $2 }'
}
arrived() { ip -n "$LAB-host" -s -j link show crm0 | jq -c '.[0].stats64.rx | [.bytes, .packets]'; }
witnessed() {
	jq -nc --argjson again "$(stacked far TcpRetransSegs)" \
		--argjson late "$(stacked host TcpExtTCPOFOQueue)" --argjson link "$(arrived)" \
		'{$again, $late, bytes: $link[0], packets: $link[1]}'
}

# once SERVER COMMAND...: a line of JSON, of one run.
once() {
	local log estimate witness
	log=$(logged "$1") estimate=$(estimated) witness=$(witnessed)
	"${@:2}" &>"$LAB_DIR/said" || { tail -n5 "$LAB_DIR/said" >&2; return 1; }
	lab_until settled "$1"
	log=$(($(logged "$1") - log)) estimate=$(($(estimated) - estimate))
	jq -nc --argjson log "$log" --argjson estimate "$estimate" --argjson was "$witness" \
		--argjson is "$(witnessed)" '{$log, $estimate, percent: (($estimate - $log) * 100 / $log)} +
			($is | with_entries(.value -= $was[.key]))'
}

# row SERVER CLIENT COMMAND...: a line of JSON, of RUNS runs over $ROAD.
row() {
	local run
	say "requests: $ROAD, $1, $2"
	for ((run = 0; run < RUNS; run++)); do
		once "$1" "${@:3}"
	done >"$LAB_DIR/runs"
	jq -sc --arg road "$ROAD" --arg server "$1" --arg client "$2" '
		{$road, $server, $client, log: (map(.log) | add), estimate: (map(.estimate) | add),
		 percent_least: (map(.percent) | min), percent_most: (map(.percent) | max)} +
		if $road == "bad" then {sent_again: (map(.again) | add), out_of_order: (map(.late) | add)}
		elif $road == "generic" then {bytes_a_packet: ((map(.bytes) | add) / (map(.packets) | add))}
		else {} end' "$LAB_DIR/runs"
}

# missing NAME: loudly, and a row that says it.
missing() {
	say "requests: $1 IS NOT INSTALLED, so there are no figures of it"
	jq -nc --arg road "$ROAD" --arg name "$1" '{$road, server: "-", client: "\($name): NOT INSTALLED"}'
}
has() { command -v "$1" >/dev/null || { missing "$1"; false; }; }

# ------------------------------------------------------------------ clients

# client COMMAND...: at the end of $ROAD that is not the host.
client() {
	case $ROAD in
	bad) in_far timeout "$PATIENCE" "$@" ;;
	*) in_good timeout "$PATIENCE" "$@" ;;
	esac
}
url() { echo "https://$LAB_CRM:${PORTS[$1]}"; }
curls() { client curl -sfk -o "$LAB_DIR/out" "$@"; }
UPLOAD=(--data-binary "@$LAB_DIR/1M" -H 'Expect:')

with_curl() {
	local url
	url=$(url "$1")
	row "$1" 'curl, one at a time' curls --http2 "$url/a?[1-$SOME]"
	row "$1" 'curl, 50 in flight' curls --http2 -Z --parallel-max 50 "$url/a?[1-$SOME]"
	row "$1" 'curl, POST of 1 MB' curls --http2 "${UPLOAD[@]}" "$url/post?[1-$UPLOADS]"
}
with_http1() {
	local url
	url=$(url "$1")
	row "$1" 'HTTP/1.1, wrk' client wrk -t1 -c10 -d1 "$url/a"
	row "$1" 'HTTP/1.1, curl' curls --http1.1 "$url/a?[1-$SOME]"
	row "$1" 'HTTP/1.1, curl, POST of 1 MB' curls --http1.1 "${UPLOAD[@]}" "$url/post?[1-$UPLOADS]"
	row "$1" 'HTTP/1.1, curl, POST of 1 MB, answered early' curls --http1.1 "${UPLOAD[@]}" \
		"$url/a?[1-$UPLOADS]"
}
# with_node SERVER IN_FLIGHT...
with_node() {
	local n
	has node || return 0
	for n in "${@:2}"; do
		row "$1" "node, $n in flight" client node "$HERE/requests.js" "$(url "$1")/a" "$SOME" "$n"
	done
}
with_node_posts() {
	! command -v node >/dev/null || row "$1" 'node, POST of 500 bytes, 10 in flight' \
		client node "$HERE/requests.js" "$(url "$1")/post" "$SOME" 10 500
}
with_h2load() {
	local n
	has h2load || return 0
	for n in "${@:2}"; do
		row "$1" "h2load, $n in flight" client h2load -c2 -n"$MANY" -m"$n" "$(url "$1")/a"
	done
}

# pages SERVER HOW: four loads of a page that calls 50 times, by a browser that knows nothing yet.
pages() {
	for _ in 1 2 3 4; do
		rm -rf "$LAB_DIR/browser"
		client "${HOMELY[@]}" chromium-headless-shell --no-sandbox --disable-gpu \
			--ignore-certificate-errors --user-data-dir="$LAB_DIR/browser" \
			--virtual-time-budget=60000 --dump-dom "$(url "$1")/calls.html#$2" |
			grep -q '>answered<' || return 1
	done
}
with_chromium() {
	has chromium-headless-shell || return 0
	row "$1" 'Chromium, 50 calls, one at a time' pages "$1" one
	row "$1" 'Chromium, 50 calls at once' pages "$1" parallel
}

# Those that nobody looked at when the rules were made.
with_strangers() {
	local n
	if has caddy; then
		for n in 1 10; do
			row "$1" "Go (caddy), $n in flight" client h2load --h1 -c"$n" -n"$SOME" \
				"http://127.0.0.1:$(gateway "$1")/a"
		done
	fi
	if /usr/bin/python3 -c 'import httpx, h2' 2>/dev/null; then
		for n in 1 10; do
			row "$1" "httpx, $n in flight" client /usr/bin/python3 "$HERE/requests.py" \
				"$(url "$1")/a" "$SOME" "$n"
		done
	else
		missing httpx
	fi
}

# -------------------------------------------------------------------- roads

on_native() {
	local server
	fresh "$LIMITS" crm0 crm1
	for server in nginx haproxy; do
		[[ ${PORTS[$server]-} ]] || { missing "$server"; continue; }
		with_http1 "$server"
		with_curl "$server"
		with_node "$server" 1 5 50
		with_node_posts "$server"
		with_h2load "$server" 1 10 100
		with_chromium "$server"
		with_strangers "$server"
	done
	for server in caddy lighttpd; do
		[[ ${PORTS[$server]-} ]] || { missing "$server"; continue; }
		with_curl "$server"
		with_node "$server" 1 5 50
		with_h2load "$server" 10
		with_chromium "$server"
		with_strangers "$server"
	done
}
on_bad() {
	with_curl nginx
	with_node nginx 1 5 50
	with_node_posts nginx
}
# Segments come as one, of up to 64 kB.
on_generic() {
	fresh "$LIMITS" crm0 crm1 --mode generic
	in_host ethtool -K crm0 gro on
	in_good ethtool -K int0 tso on gso on
	with_curl nginx
	with_node nginx 1 5 50
	with_node_posts nginx
}

for ROAD in native bad generic; do
	"on_$ROAD"
done >"$LAB_DIR/rows"
jq -s . "$LAB_DIR/rows" >"$LAB_DIR/rows.json"

# ------------------------------------------------------------------ figures

JQ='def off: [.percent_least, .percent_most | fabs] | max;
	def rows($road; $pattern): [.[] | select(.log and .road == $road and
		("\(.server), \(.client)" | test($pattern)))];'
rows() { jq "$JQ $1" "$LAB_DIR/rows.json"; }
worst() { rows "rows(\"native\"; \"$1\") | map(off) | max"; }
# more ROAD: percent that a row is further off there than it is without.
more() {
	rows "[rows(\"$1\"; \"\")[] as \$r | rows(\"native\"; \"\")[] |
		select(.server == \$r.server and .client == \$r.client) | (\$r | off) - off] | max"
}
figure 'percent off, HTTP/1.1, nginx' '<=' 0.5 "$(worst '^nginx, HTTP/1')"
figure 'percent off, HTTP/1.1, haproxy' '<=' 0.5 "$(worst '^haproxy, HTTP/1.*(wrk|curl|MB)$')"
figure 'percent off, HTTP/1.1 answered early, haproxy' '<=' 10 "$(worst '^haproxy, .* early$')"
figure 'percent off, HTTP/2 one at a time' '<=' 2 \
	"$(worst '^(nginx|haproxy), (curl|h2load, 1 |node, 1 )')"
figure 'percent off, HTTP/2, Chromium' '<=' 2 "$(worst '^(nginx|haproxy), Chromium')"
figure 'percent off, HTTP/2 several in flight, nginx' '<=' 25 "$(worst '^nginx, (node|h2load)')"
figure 'percent off, HTTP/2 several in flight, haproxy' '<=' 25 "$(worst '^haproxy, (node|h2load)')"
figure "percent more off, $((LOST / 10)) % lost, $((HELD / 10)) % out of order" '<=' 5 "$(more bad)"
figure 'segments sent again there' '>=' 10 "$(rows 'rows("bad"; "") | map(.sent_again) | add')"
figure 'segments out of order there' '>=' 10 "$(rows 'rows("bad"; "") | map(.out_of_order) | add')"
figure 'percent more off, generic with GRO and TSO' '<=' 2 "$(more generic)"
figure 'bytes a packet there, of uploads' '>=' 1515 \
	"$(rows 'rows("generic"; "MB") | map(.bytes_a_packet) | min')"
figure 'percent too many, any row' '<=' 25 "$(rows 'map(.percent_most // empty) | max')"
part_done --slurpfile rows "$LAB_DIR/rows.json" '{requests: $rows[0]}'
