#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# posture.sh - the page for an audit, of a policy with something open in each way that a
# test can make without waiting for days.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

# found CHECK [JQ CONDITION]: so many findings of a check.
found() {
	crmgate posture -j | jq --arg c "$1" "[.findings[] | select(.check == \$c) | select(${2:-true})] | length"
}

open_policy() {
	attach "$(policy posture <<-EOF
		version: 1
		capacity: {sources: 65536}
		services:
		  api:   {transport: tcp, ports: [443], protocol: tls}
		  plain: {transport: tcp, ports: [8080]}
		clients:
		  partners: {prefixes: [$LAB_GOOD, "2001:db8:7::/48"]}
		policies:
		  - name: partners
		    service: [api, plain]
		    clients: partners
		    limits: {packets: {rate: 20k/s}, bytes_out: [{quota: 2200kB, per: 1h}]}
		    ban: {after: 100}
		  - {name: public, service: api, clients: any, mode: shadow, limits: {packets: {rate: 20/s}}}
		allow: [192.0.2.200/32]
	EOF
	)" -q
}

# What the policy alone says; and the exit status is 0 whatever is open.
says_what_is_open() {
	open_policy
	expect 'not refusing' "$(found not_refusing '.service == "api" and .policy == "public"')" -eq 1
	expect 'no limit' "$(found no_limit '.service == "plain" and .policy == "none"')" -eq 1
	expect 'no limit' "$(found no_limit)" -eq 1
	expect 'no budget' "$(found no_budget '.policy | IN("public", "none")')" -eq 2
	expect 'budget alerts' "$(found budget_alerts '.policy == "partners"')" -eq 2
	expect 'no ban' "$(found no_ban '.policy == "public"')" -eq 1
	expect 'allowed' "$(found allowed)" -eq 2
	expect 'use, before a day has passed' "$(($(found limit_unused) + $(found limit_hit)))" -eq 0
	expect_json "$(crmgate posture -j)" '.schema == 1 and .proof.enforced and
		any(.not_judged[]; .id == "auth_failures") and
		all(.checks[]; .id as $c | $c != null and .title != null and .findings >= 0)'
	expect_exit 0 crmgate posture
	expect 'the page' "$OUTPUT" =~ 'api/public for any: in shadow for '
}

# An export of 2 MB out of 2.2 MB an hour.
near_budget() {
	open_policy
	expect 'near a budget' "$(found near_budget)" -eq 0
	lab_curl good -f https://crm.example/api/export -o "$LAB_DIR/got"
	expect 'near a budget' "$(found near_budget ".policy == \"partners\" and .service == \"api\" and
		.source == \"$LAB_GOOD\" and (.text | test(\"of 2200kB per 1h used\"))")" -eq 1
}

# Each state of enforcement shows: panic, and nothing attached any more.
not_enforced() {
	open_policy
	expect 'not enforced' "$(found not_enforced)" -eq 0
	crmgate panic -q
	expect 'not enforced' "$(found not_enforced '.text | test("^panic: ")')" -eq 1
	crmgate resume -q
	crmgate detach --all -q
	expect 'not enforced' "$(found not_enforced '.text | test("no interface")')" -eq 1
}

t 'what a policy leaves open' fresh says_what_is_open
t 'a source near the end of a budget' fresh near_budget
t 'what is not enforced' fresh not_enforced
t_done
