#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# floor.sh - the versions of TLS that are spoken: counted by what the server said, of real
# clients of each version, of plaintext, and of handshakes that fail.
. "$(dirname "$0")/lib.sh"

PORT=8443	# a port with every version of TLS that the library has
OLD="ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;"

lab_up && lab_nginx "
	server {
		listen $PORT ssl; listen [::]:$PORT ssl; $OLD
		ssl_certificate $LAB_DIR/cert.pem; ssl_certificate_key $LAB_DIR/key.pem;
		location / { return 200 'an answer'; }
		location /large { alias $LAB_DIR/export.bin; }
	}
" || exit 1

# floor [LINE]: a policy file for everybody, with this in the policy.
floor() {
	policy floor <<-EOP
		version: 1
		capacity: {sources: 4096}
		services:
		  api: {transport: tcp, ports: [$PORT, 443], protocol: tls}
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
	expect 'crmgate_tls_connections_total' \
		"$(metric 'crmgate_tls_connections_total{service="api",policy="public",version="1.0"}')" -eq 2
	expect 'status' "$(crmgate status)" =~ 'api +public +1\.0 2, 1\.1 2, 1\.2 4, 1\.3 4'
	expect 'posture' "$(crmgate posture)" =~ 'api/public for any: 1\.0 2, 1\.1 2 of 12 so far'
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

t 'connections by version of TLS' fresh inventory
t 'connections without a version' fresh no_version
t 'a connection met in its middle has no version' fresh in_the_middle
t_done
