#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# reject.sh - on_exceed: reject: real clients of plain HTTP are answered 429 in place of the
# server, which never sees the request; and neither end keeps a socket.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1
lab_pass

limited() {
	policy limited <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [8080], protocol: http}}
		policies:
		  - {name: public, service: api, clients: any, on_exceed: ${1-reject},
		     limits: {requests: {rate: 1/h, burst: 3}}}
	EOF
}

URL=http://$LAB_CRM:8080/api/contacts
PRIVATE=http://$LAB_CRM:8080/api/private

# codes CURL OPTION...: five requests of one curl, the codes of their answers in a row.
codes() {
	local urls=()
	for _ in {1..5}; do
		urls+=(-o "$LAB_DIR/got" "${URLS:-$URL}")
	done
	in_bad curl -sS --max-time 5 -w '%{http_code} ' "$@" "${urls[@]}"
}

# sockets NAMESPACE: TCP sockets that are not closed for good.
sockets() { "in_$1" ss -Htan | grep -v LISTEN || :; }
none() { [[ -z $(sockets "$1") ]]; }
states() { sockets "$1" | awk '{ print $1 }' | sort | uniq -c | xargs; }

# closed_both: shown with ss on both ends; TIME-WAIT would be one, too.
closed_both() {
	lab_until none host
	lab_until none bad
}

served() { wc -l <"$LAB_DIR/access.log"; }

# Three are served; two are answered, each in a connection of its own.
answered() {
	local before
	before=$(served)
	attach "$(limited)" -q "$@"
	expect 'codes' "$(codes -D "$LAB_DIR/head")" == '200 200 200 429 429 '
	grep -q $'^Retry-After: *3600\r$' "$LAB_DIR/head"
	grep -q $'^Connection: close\r$' "$LAB_DIR/head"
	expect 'served' "$(($(served) - before))" -eq 3
	closed_both
	expect 'requests answered' "$(metric 'crmgate_requests_total{verdict="reject"}')" -eq 2
	expect 'requests passed' "$(metric 'crmgate_requests_total{verdict="pass"}')" -eq 3
	expect 'segments' "$(metric 'crmgate_packets_total{verdict="reject"}')" -ge 4
	expect 'drops' "$(metric 'crmgate_drops_total{reason="requests"}')" -eq \
		"$(metric 'crmgate_packets_total{verdict="reject"}')"
	purge
}

over_ipv6() { URLS="http://[$LAB_CRM6]:8080/api/contacts" answered; }

# A body that is longer than any window: it is acknowledged, and thrown away.
large_body() {
	local code
	attach "$(limited)" -q
	codes >"$LAB_DIR/codes"
	code=$(in_bad curl -sS --max-time 5 -o "$LAB_DIR/got" -w '%{http_code}' -H 'Expect:' \
		--data-binary @"$LAB_DIR/export.bin" "$URL")
	expect 'code' "$code" == 429
	closed_both
	purge
}

# A client that sends all of its request, and only then reads.
python() {
	attach "$(limited)" -q
	in_bad python3 - "$LAB_CRM" >"$LAB_DIR/codes" <<-'EOF'
		import http.client, sys
		for _ in range(20):
		    c = http.client.HTTPConnection(sys.argv[1], 8080, timeout=5)
		    c.request("POST", "/api/contacts", body=b"x" * 500)
		    print(c.getresponse().status)
		    c.close()
	EOF
	expect 'codes' "$(sort "$LAB_DIR/codes" | uniq -c | xargs)" == '3 200 17 429'
	lab_until none host
	# It closed the first three itself, and they wait for what is on its way.
	lab_until is '3 TIME-WAIT' states bad
	purge
}

# Where what arrives is judged at TC ingress nothing can be answered: a RST, and it is said.
at_tc() {
	local status=0
	attach "$(limited)" -q --mode tc
	expect_json "$(crmgate status -j)" '.problems | map(.id) == ["reject_resets"]'
	codes >"$LAB_DIR/codes" || status=$?
	expect 'codes' "$(<"$LAB_DIR/codes")" =~ '200 200 200 000'
	expect 'reset' "$(metric 'crmgate_packets_total{verdict="reset"}')" -ge 1
	expect 'answered' "$(metric 'crmgate_packets_total{verdict="reject"}')" -eq 0
	purge
}

# What the server answers is counted by class; what crmgate answers itself is not.
answers() {
	local code
	attach "$(limited drop)" -q
	for code in 200 401 503; do
		in_bad curl -sS --max-time 5 -o "$LAB_DIR/got" "http://$LAB_CRM:8080/code/$code"
	done
	expect_json "$(crmgate status -j)" '.policies[] | select(.name == "public").responses ==
		{"1xx": 0, "2xx": 1, "3xx": 0, "4xx": 1, "5xx": 1}'
	expect 'metric' "$(metric 'crmgate_responses_total{class="4xx"}')" -eq 1
	purge
}

guarded() {
	policy guarded <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [8080], protocol: http}}
		policies:
		  - {name: public, service: api, clients: any, ban: {after: 2, for: 1h},
		     limits: {auth_failures: {rate: 1/h, burst: 3}}}
	EOF
}

# refused_as REASON CURL OPTION...: curl is told that its connection is reset.
refused_as() {
	local status=0
	in_bad curl -s -o "$LAB_DIR/got" "${@:2}" "$URL" || status=$?
	expect "$1, status" "$status" -eq 56
	expect "$1, drops" "$(metric "crmgate_drops_total{reason=\"$1\"}")" -ge 1
}

# What the policy does not know never reaches the server, over whichever connection; the rest does.
methods() {
	attach "$(policy methods <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [8080], protocol: http}}
		policies:
		  - {name: public, service: api, clients: any, on_exceed: reset,
		     http: {methods: [GET, HEAD, POST], max_header: 2kB, max_body: 1kB}}
	EOF
	)" -q
	: >"$LAB_DIR/access.log"
	expect 'codes' "$(codes)" == '200 200 200 200 200 '
	expect 'codes' "$(codes -d a=b)" == '200 200 200 200 200 '
	refused_as method -X DELETE
	refused_as max_header -H "X: $(printf '%02000d' 0)"
	refused_as max_body -d "$(printf '%01001d' 0)"
	expect 'codes' "$(codes -I)" == '200 200 200 200 200 '
	# Cut off in its header, one is in the log as 400.
	expect 'served' "$(grep -c '" 200 ' "$LAB_DIR/access.log")" -eq 15
	# The line of the one with the long header passes in a segment of its own.
	expect 'refused' "$(metric 'crmgate_requests_total{verdict="reset"}')" -ge 2
	expect_json "$(crmgate show limits -j)" '[.. | objects | select(.policy? == "public") | .http?] |
		map(select(. != null)) | .[0] == {methods: ["GET", "HEAD", "POST"], max_header: 2000,
		max_body: 1000}'
	purge
}

banned() { [[ $(metric 'crmgate_bans{origin="auto"}') -eq 1 ]]; }

# Passwords are guessed: so many are tried as the limit says, and a ban comes of the next tries.
guessed() {
	attach "$(guarded)" -q
	expect 'codes' "$(URLS=$PRIVATE codes -u alice:secret)" == '200 200 200 200 200 '
	: >"$LAB_DIR/access.log"
	URLS=$PRIVATE codes -u alice:guess >"$LAB_DIR/codes" || :
	expect 'codes' "$(<"$LAB_DIR/codes")" =~ '401 401 401 000'
	lab_until banned
	expect 'tried' "$(served)" -eq 3
	expect 'code' "$(in_good curl -s -o "$LAB_DIR/got" -w '%{http_code}' -u alice:secret "$PRIVATE")" == 200
	expect 'metric' "$(metric 'crmgate_auth_failures_total{policy="public"}')" -eq 3
	expect_json "$(crmgate status -j)" '.policies[] | select(.name == "public") |
		.auth_failures == 3 and .reasons.auth_failures >= 2'
	expect_json "$(crmgate why "$LAB_BAD" -j)" '.services[0] | .requests == 8 and .banned_until and
		(.limits[] | select(.name == "auth_failures") | .available == 0)'
	purge
}

t 'issue 5: 429 in place of the server, and no socket is left' fresh answered
t 'issue 5: over IPv6' fresh over_ipv6
t 'issue 5: in generic mode' fresh answered --mode generic
t 'issue 5: 429 to a large body' fresh large_body
t 'issue 5: 429 to a client of python' fresh python
t 'issue 5: at TC ingress a reset' fresh at_tc
t 'issue 6: what is answered, by class' fresh answers
t 'issue 6: who guesses passwords is banned' fresh guessed
t 'issue 5: methods and sizes that the policy does not know' fresh methods
t_done
