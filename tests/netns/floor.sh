#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# floor.sh - the versions of TLS that are spoken: counted by what the server said, of real
# clients of each version, of plaintext, and of handshakes that fail; and a floor under them, which
# refuses what it should and no hello that it cannot read (T22).
. "$(dirname "$0")/lib.sh"

PORT=8443	# a port with every version of TLS that the library has
OLD_PORT=8444	# and one with none after 1.1
OLD="ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;"

lab_up && lab_nginx "
	server {
		listen $PORT ssl; listen [::]:$PORT ssl; $OLD
		ssl_certificate $LAB_DIR/cert.pem; ssl_certificate_key $LAB_DIR/key.pem;
		location / { return 200 'an answer'; }
		location /large { alias $LAB_DIR/export.bin; }
	}
	server {
		listen $OLD_PORT ssl; ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;
		ssl_certificate $LAB_DIR/cert.pem; ssl_certificate_key $LAB_DIR/key.pem;
		location / { return 200 'an answer'; }
	}
" || exit 1

# A handshake over pieces of a few bytes, each a segment of its own; and in records of a few
# bytes, if that is said. Says which version was agreed on.
cat >"$LAB_DIR/pieces.py" <<'EOP'
import os, socket, ssl, sys
host, port, version, piece, record, alpn = sys.argv[1:7]
context = ssl._create_unverified_context()
context.minimum_version = context.maximum_version = \
    {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
context.set_alpn_protocols(["http/1.1"] + ["x%0198d" % i for i in range(int(alpn) // 200)])
came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(came, goes)
s = socket.socket()
s.settimeout(5)
if "MSS" in os.environ:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, int(os.environ["MSS"]))
s.connect((host, int(port)))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

def flush(first):
    data = goes.read()
    if first and int(record):
        body = data[5:]
        data = b"".join(data[:3] + len(body[i:i + int(record)]).to_bytes(2, "big") +
                        body[i:i + int(record)] for i in range(0, len(body), int(record)))
    size = int(piece) or len(data) or 1
    for i in range(0, len(data), size):
        s.send(data[i:i + size])
    return len(data)

first = True
while True:
    try:
        tls.do_handshake()
        flush(False)
        print(tls.version(), sent)
        break
    except ssl.SSLWantReadError:
        n = flush(first)
        sent, first = (n, False) if first else (sent, False)
        data = s.recv(65536)
        if not data:
            sys.exit("the server ended it")
        came.write(data)
EOP

# floor [LINE]: a policy file for everybody, with this in the policy.
floor() {
	policy floor <<-EOP
		version: 1
		capacity: {sources: 4096}
		services:
		  api: {transport: tcp, ports: [$PORT, $OLD_PORT, 443], protocol: tls}
		policies:
		  - {name: public, service: api, clients: any${1:+, $1}}
	EOP
}

# speak VERSION [CURL OPTION]...: a request in that version alone.
speak() {
	in_good curl -sk --max-time 10 -o /dev/null --ciphers 'DEFAULT:@SECLEVEL=0' \
		"--tlsv$1" --tls-max "$1" "${@:2}"
}

# versions: counts that are not 0, as "1.2=5 1.3=1".
versions() {
	crmgate status -j | jq -r '[.policies[] | select(.name == "public") | .tls_connections |
		to_entries[] | select(.value > 0) | "\(.key)=\(.value)"] | join(" ")'
}

inventory() {
	local version
	attach "$(floor)" -q
	for version in 1.0 1.1 1.2 1.3; do
		speak "$version" "https://$LAB_CRM:$PORT/"
		speak "$version" "https://[$LAB_CRM6]:$PORT/large"
	done
	lab_until is '1.0=2 1.1=2 1.2=2 1.3=2' versions
	# Requests of one connection; a session that is resumed is a connection of its own.
	speak 1.3 "https://$LAB_CRM:$PORT/" -o /dev/null "https://$LAB_CRM:$PORT/"
	lab_until is '1.0=2 1.1=2 1.2=2 1.3=3' versions
	openssl_resumes
	lab_until is '1.0=2 1.1=2 1.2=4 1.3=3' versions
	# The server asks for another key share: HelloRetryRequest, and ServerHello.
	in_good openssl s_client -connect "$LAB_CRM:$PORT" -groups X448:P-256 </dev/null &>/dev/null
	lab_until is '1.0=2 1.1=2 1.2=4 1.3=4' versions
	# ServerHello in segments of 88 bytes, options included.
	MSS=88 pieces "$LAB_CRM" "$PORT" 1.2 0 0 0 >/dev/null
	MSS=88 pieces "$LAB_CRM" "$PORT" 1.3 0 0 0 >/dev/null
	lab_until is '1.0=2 1.1=2 1.2=5 1.3=5' versions
	expect 'crmgate_tls_connections_total' \
		"$(metric 'crmgate_tls_connections_total{service="api",policy="public",version="1.0"}')" -eq 2
	expect 'status' "$(crmgate status)" =~ 'api +public +1\.0 2, 1\.1 2, 1\.2 5, 1\.3 5'
	expect 'posture' "$(crmgate posture)" =~ 'api/public for any: 1\.0 2, 1\.1 2 of 14 so far'
}
openssl_resumes() {
	in_good openssl s_client -connect "$LAB_CRM:$PORT" -tls1_2 -sess_out "$LAB_DIR/session" \
		</dev/null &>/dev/null
	in_good openssl s_client -connect "$LAB_CRM:$PORT" -tls1_2 -sess_in "$LAB_DIR/session" \
		</dev/null 2>/dev/null | grep -q '^Reused'
}

no_version() {
	attach "$(floor)" -q
	# nginx says in plain HTTP that this is a port for HTTPS.
	in_good curl -s --max-time 10 -o /dev/null "http://$LAB_CRM:$PORT/"
	lab_until is 'plaintext=1' versions
	# Port 443 speaks TLS 1.2 at least, and answers with an alert.
	expect_exit 35 speak 1.1 "https://$LAB_CRM:443/"
	lab_until is 'plaintext=1 failed=1' versions
}

# Of a connection that was there before nothing is told by what goes on in it.
in_the_middle() {
	local client typed
	mkfifo "$LAB_DIR/typed"
	exec {typed}<>"$LAB_DIR/typed"
	lab_spawn client good sh -c "exec openssl s_client -connect $LAB_CRM:$PORT -quiet \
		<$LAB_DIR/typed" &>"$LAB_DIR/read"
	lab_until grep -q depth "$LAB_DIR/read"
	attach "$(floor)" -q
	printf 'GET /large HTTP/1.1\r\nHost: crm\r\nConnection: close\r\n\r\n' >&"$typed"
	wait "$client" || :
	expect 'bytes read' "$(stat -c %s "$LAB_DIR/read")" -gt 2000000
	expect 'packets seen' "$(judged public)" -gt 10
	expect 'connections counted' "$(versions)" == ''
	speak 1.2 "https://$LAB_CRM:$PORT/"
	lab_until is '1.2=1' versions
}


# reason KIND REASON: packets of the policy that were (would_drop: would have been) refused for it.
reason() { metric "crmgate_${1}_total{policy=\"public\",reason=\"$2\"}"; }
logged() { grep -c . "$LAB_DIR/access.log" || :; }
refuse='tls: {minimum: 1.2, minimum_action: refuse, plaintext: refuse}'
pieces() { in_good python3 "$LAB_DIR/pieces.py" "$@"; }
# The server negotiates less than the client offers at most.
old_server() {
	in_good curl -sk --max-time 2 -o /dev/null --ciphers 'DEFAULT:@SECLEVEL=0' \
		--tlsv1.1 "https://$LAB_CRM:$OLD_PORT/"
}
plain() { in_good curl -s --max-time 2 -o /dev/null "http://$LAB_CRM:$PORT/"; }
gone() { ! in_host ss -Htn state connected exclude time-wait | grep -q .; }

# Nothing is refused, and each connection is told once.
observes() {
	attach "$(floor "$1")" -q
	speak 1.1 "https://$LAB_CRM:$PORT/large"
	speak 1.2 "https://$LAB_CRM:$PORT/large"
	old_server
	plain
	lab_until is '1.1=2 1.2=1 plaintext=1' versions
	expect 'would drop, tls_version' "$(reason would_drop tls_version)" -eq 2
	expect 'would drop, plaintext' "$(reason would_drop plaintext)" -eq 1
	expect 'dropped' "$(policy_value public dropped_packets)" -eq 0
	expect_json "$(crmgate events -j | jq -s .)" \
		'any(.[]; .event == "refused" and .reason == "tls_version" and .verdict == "pass")'
}

# The same with a RST at both ends: nobody waits, and no socket stays.
refuses() {
	local answers name url
	attach "$(floor "$refuse, on_exceed: reset, limits: {open_connections: {max: 50}}")" -q
	answers=$(logged)
	for name in packets bytes; do
		crmgate metrics | grep -q "^crmgate_${name}_total{service=\"api\",policy=\"public\",\
direction=\"out\",verdict=\"drop\"} 0\$"
	done
	for url in "https://$LAB_CRM:$PORT/" "https://[$LAB_CRM6]:$PORT/"; do
		expect_exit 35 speak 1.0 "$url"
		expect_exit 35 speak 1.1 "$url"
		speak 1.2 "$url"
		speak 1.3 "$url"
	done
	expect 'by ClientHello' "$(reason drops tls_version)" -ge 4
	expect 'versions' "$(versions)" == '1.2=2 1.3=2'
	expect_exit 35 old_server
	lab_until is '1.1=1 1.2=2 1.3=2' versions
	expect_exit 56 plain
	expect 'plaintext' "$(reason drops plaintext)" -ge 1
	expect 'versions' "$(versions)" == '1.1=1 1.2=2 1.3=2'
	lab_until gone
	expect 'answers in the log' "$(logged)" -eq $((answers + 4))
	expect_json "$(crmgate why "$LAB_GOOD" -j)" \
		'[.services[].limits[] | select(.name == "open_connections") | .available] == [50]'
}

# Dropped, and dropped again when it is sent again.
drops() {
	attach "$(floor "$refuse")" -q
	expect_exit 28 old_server
	expect 'ServerHello, again and again' "$(reason drops tls_version)" -ge 3
	expect 'connections' "$(versions)" == '1.1=1'
	expect_exit 28 plain
	expect 'plaintext' "$(reason drops plaintext)" -ge 2
	expect 'connections' "$(versions)" == '1.1=1'
	speak 1.3 "https://$LAB_CRM:$PORT/large"
}

# What is below the floor passes while panic is on, and from who is on the allow list.
passes() {
	attach "$(floor "$refuse")" -q
	crmgate panic -q
	speak 1.0 "https://$LAB_CRM:$PORT/"
	plain
	crmgate resume -q
	expect_exit 28 plain
	echo "allow: [$LAB_GOOD/32]" >>"$LAB_DIR/floor.yaml"
	crmgate apply "$LAB_DIR/floor.yaml" -q
	speak 1.0 "https://$LAB_CRM:$PORT/"
	plain
}

# A hello of which the first segment does not say all is never refused, however it is cut.
any_hello() {
	local piece record alpn
	attach "$(floor 'tls: {minimum: 1.3, minimum_action: refuse, plaintext: refuse}')" -q
	for alpn in 0 4000; do
		for piece in 0 1 6 11 700 1400; do
			((alpn == 0 || piece == 0 || piece >= 700)) || continue
			pieces "$LAB_CRM" "$PORT" 1.3 "$piece" 0 "$alpn" >"$LAB_DIR/said"
			expect "pieces of $piece" "$(<"$LAB_DIR/said")" =~ '^TLSv1.3 '
		done
		for record in 1 900; do
			pieces "$LAB_CRM" "$PORT" 1.3 0 "$record" "$alpn" >"$LAB_DIR/said"
			expect "records of $record" "$(<"$LAB_DIR/said")" =~ '^TLSv1.3 '
		done
	done
	expect 'bytes of the longest hello' "$(sed 's/.* //' "$LAB_DIR/said")" -gt 4000
	expect 'refused' "$(policy_value public dropped_packets)" -eq 0
	expect 'versions' "$(versions)" =~ '^1.3=[0-9]+$'
	# Of TLS 1.2 the first segment is enough; else the server's answer is.
	expect_exit 1 pieces "$LAB_CRM" "$PORT" 1.2 0 0 0
	expect 'versions' "$(versions)" =~ '^1.3=[0-9]+$'
	expect_exit 1 pieces "$LAB_CRM" "$PORT" 1.2 50 0 0
	expect 'versions' "$(versions)" =~ '^1.2=1 1.3=[0-9]+$'
}

failed_handshakes() { policy_value public handshake_failures; }
# fails_to PORT [OPTION]...: a handshake that one of the two ends, over when this returns.
fails_to() {
	local before
	before=$(failed_handshakes)
	expect_exit 1 in_good timeout 10 openssl s_client -connect "$LAB_CRM:$1" \
		-cipher 'DEFAULT:@SECLEVEL=0' "${@:2}" </dev/null
	lab_until is $((before + 1)) failed_handshakes
}
# talks [TEXT]: a connection that ends behind that text.
talks() {
	in_good python3 - "$LAB_CRM" "$PORT" "${1-}" <<-'EOP'
		import socket, sys
		s = socket.create_connection(sys.argv[1:3])
		s.settimeout(10)
		s.send(sys.argv[3].encode("latin-1").decode("unicode_escape").encode("latin-1"))
		s.shutdown(socket.SHUT_WR)
		try:
		    s.recv(4096)
		except ConnectionResetError:
		    pass
	EOP
}

# Those that fail, whoever ends them, and none that is completed; then hellos are refused.
failing() {
	attach "$(floor 'limits: {handshake_failures: {rate: 1/h, burst: 5}}, on_exceed: reset')" -q
	speak 1.2 "https://$LAB_CRM:$PORT/large"
	speak 1.3 "https://$LAB_CRM:$PORT/" -o /dev/null "https://$LAB_CRM:$PORT/large"
	openssl_resumes
	MSS=88 pieces "$LAB_CRM" "$PORT" 1.2 0 0 0 >/dev/null
	MSS=88 pieces "$LAB_CRM" "$PORT" 1.3 0 0 0 >/dev/null
	talks
	lab_until gone
	expect 'versions' "$(versions)" == '1.2=4 1.3=2'
	expect 'failures' "$(failed_handshakes)" -eq 0
	# No version in common, which the server says; a CA that the client does not know.
	fails_to 443 -tls1_1
	fails_to "$PORT" -tls1_3 -verify_return_error
	fails_to "$PORT" -tls1_2 -verify_return_error
	# A hello that is cut off, and what is no TLS.
	talks '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'
	lab_until is 4 failed_handshakes
	talks 'SSH-2.0-x\r\n'
	lab_until is 5 failed_handshakes
	# With a RST at both ends nobody waits.
	expect_exit 35 speak 1.3 "https://$LAB_CRM:$PORT/"
	lab_until gone
	expect 'refused' "$(reason drops handshake_failures)" -ge 1
	in_bad curl -sk --max-time 10 -o /dev/null "https://$LAB_CRM:$PORT/"
	lab_until gone
	expect 'failures' "$(failed_handshakes)" -eq 5
	expect 'metric' "$(metric 'crmgate_handshake_failures_total{policy="public"}')" -eq 5
	expect_json "$(crmgate why "$LAB_GOOD" -j)" '.services[0].limits[] |
		select(.name == "handshake_failures") | .available == 0'
	expect_json "$(crmgate why "$LAB_BAD" -j)" '.services[0].limits[] |
		select(.name == "handshake_failures") | .available == 5'
}

t 'handshakes that fail are limited' fresh failing
t 'connections by version of TLS' fresh inventory
t 'connections without a version' fresh no_version
t 'a connection met in its middle has no version' fresh in_the_middle
t 'a floor that is observed' fresh observes 'tls: {minimum: 1.2, minimum_action: observe}'
t 'a floor in shadow' fresh observes "mode: shadow, $refuse"
t 'a floor that refuses, with resets' fresh refuses
t 'a floor that refuses, and drops' fresh drops
t 'a floor does not hold in panic, nor for allow' fresh passes
t 'T22 a hello in pieces is never refused' fresh any_hello
t_done
