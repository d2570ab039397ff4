#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# names.sh - host names of one port under policies of their own, as real clients ask for them: each
# limit refuses requests for its name, and those for others go on.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

names() {
	policy names <<-EOP
		version: 1
		capacity: {sources: 4096}
		services:
		  web: {ports: [443], protocol: tls}
		  api: {ports: [443], protocol: tls, server_names: [api.example.org]}
		  rest: {ports: [443], protocol: tls, server_names: ["*.example.org"]}
		policies:
		  - {name: web, service: web, clients: any, limits: {open_connections: {max: 100}}}
		  - {name: few, service: api, clients: any, on_exceed: reset,
		     limits: {requests: {rate: 1/h, burst: 3}}}
		  - {name: many, service: rest, clients: any,
		     limits: {requests: {rate: 1/h, burst: 100}}}
	EOP
}

# ask ADDRESS NAME TIMES: so many connections with a request each; how many were answered.
ask() {
	local i answered=0
	for ((i = 0; i < $3; i++)); do
		in_good curl -sk --max-time 3 -o /dev/null --resolve "$2:443:$1" \
			"https://$2/api/contacts" &&
			answered=$((answered + 1))
	done
	echo "$answered"
}

# asked POLICY: requests that passed.
asked() { metric "crmgate_requests_estimated_total{policy=\"$1\",verdict=\"pass\"}"; }

# shellcheck disable=SC2317 # called by t
limited() {
	expect "answers for the name with few, at $1" "$(ask "$1" api.example.org 6)" -eq 3
	expect "answers for another name, at $1" "$(ask "$1" www.example.org 6)" -eq 6
	expect "answers without a name that is listed, at $1" "$(ask "$1" crm.example 6)" -eq 6
	expect "requests of the name with few" "$(asked few)" -eq "$2"
	expect "requests of the other" "$(asked many)" -eq $((2 * $2))
}
# shellcheck disable=SC2317
counted() {
	expect 'connections all begin at the service without names' \
		"$(metric 'crmgate_connections_total{service="web",verdict="pass"}')" -ge 36
	expect 'connections of one with names' \
		"$(metric 'crmgate_connections_total{service="api"}')" -eq 0
	expect 'versions by name' \
		"$(metric 'crmgate_tls_connections_total{policy="many"}')" -eq 12
	expect 'what was sent by name' \
		"$(metric 'crmgate_bytes_total{policy="many",direction="out"}')" -gt 12000
	expect 'show services' "$(crmgate show services)" =~ 'rest +web +\*\.example\.org'
	expect_exit 0 crmgate status --check
}

attach "$(names)" -q || exit 1
t 'each name has its own limit of requests, IPv4' limited "$LAB_CRM" 3
t 'and IPv6' limited "$LAB_CRM6" 6
t 'what is counted for whom' counted
t_done
