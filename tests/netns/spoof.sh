#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# spoof.sh - C8: addresses that are not those of who sends: one that is allowed comes by
# another interface than its own, the server's own comes from outside.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

# Only who is allowed gets in; crm0 is where he is.
gated() {
	policy gated <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443]}}
		policies: [{name: public, service: api, clients: any, deny: true}]
		allow: [{prefix: $LAB_GOOD/32, interface: crm0}, {prefix: "$LAB_GOOD6/128", interface: crm0}]
	EOF
}

# spoofed COUNTER OPTION...: how far a counter moved by 100 packets that bad sends.
spoofed() {
	local before
	before=$(metric "$1")
	pour --kind ack --count 100 "${@:2}"
	echo $(($(metric "$1") - before))
}
denied='crmgate_drops_total{reason="denied"}'
refused='crmgate_drops_total{reason="sanity"}'
own='crmgate_odd_packets_total{oddity="own"}'

own_interface() {
	attach "$(gated)" -q
	expect 'answer' "$(lab_curl good -o /dev/null -w '%{http_code}' https://crm.example/api/contacts)" == 200
	expect_exit 28 lab_curl bad --max-time 1 https://crm.example/api/contacts
	expect 'dropped of who is allowed' "$(policy_value allow dropped_packets)" -eq 0
}

other_interface() {
	local passed
	passed=$(policy_value allow passed_packets)
	expect 'denied' "$(spoofed "$denied" --src "$LAB_GOOD" --dst "$LAB_SINK")" -eq 100
	expect 'denied, IPv6' "$(spoofed "$denied" --src "$LAB_GOOD6" --dst 2001:db8::99 --hosts)" -eq 100
	expect 'passed of who is allowed' "$(policy_value allow passed_packets)" -eq "$passed"
	expect 'answer' "$(lab_curl good -o /dev/null -w '%{http_code}' https://crm.example/api/contacts)" == 200
}

shown() {
	local why
	why=$(crmgate why "$LAB_GOOD" -j)
	expect_json "$why" '.services[0] | .policy == "public" and .gate == "allow@crm0"'
	expect_json "$(crmgate why "$LAB_BAD" -j)" '.services[0] | .policy == "public" and .gate == null'
	expect_json "$(crmgate show clients -j)" --arg p "$LAB_GOOD" \
		'.clients[] | select(.name == "allow@crm0") | .prefixes | index($p)'
	expect_exit 0 crmgate prove
}

own_address() {
	expect 'odd' "$(spoofed "$own" --src "$LAB_CRM" --dst "$LAB_CRM")" -eq 100
	expect 'odd' "$(spoofed 'crmgate_odd_packets_total{oddity="source"}' --src 127.0.0.1 --dst "$LAB_SINK")" -eq 100
}
strict() {
	policy strict <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443], sanity: refuse}}
		policies:
		  - {name: public, service: api, clients: any, limits: {packets: {rate: 1M/s}}}
	EOF
}

# Any address of the host, as long as it is one, and the daemon is there to look.
elsewhere() {
	local beat
	manager=
	trap 'daemon_killed $manager' EXIT
	attach "$(strict)" -q
	expect 'nobody looks' "$(spoofed "$refused" --src "$LAB_CRM" --dst "$LAB_SINK")" -eq 0
	daemon manager --manage
	lab_until refuses "$LAB_CRM"
	expect 'odd' "$(spoofed "$own" --src "$LAB_CRM" --dst "$LAB_SINK")" -eq 100
	expect 'refused' "$(spoofed "$refused" --src "$LAB_CRM6" --dst 2001:db8::99 --hosts)" -eq 100
	expect 'of another host' "$(spoofed "$refused" --src 198.51.100.90 --dst "$LAB_SINK")" -eq 0
	ip -n "$LAB-host" addr add 198.51.100.90/32 dev lo
	lab_until refuses 198.51.100.90
	ip -n "$LAB-host" addr del 198.51.100.90/32 dev lo
	lab_until lets_in 198.51.100.90
	# An interface that is gone is no matter; nothing comes by it.
	ip -n "$LAB-host" link del crm0
	lab_until told lost 'crm0: the interface is gone'
	beat=$(metric crmgate_manager_heartbeat_timestamp_seconds)
	lab_until at_least $((beat + 2)) metric crmgate_manager_heartbeat_timestamp_seconds
	expect 'refused' "$(spoofed "$refused" --src "$LAB_CRM" --dst "$LAB_SINK")" -eq 100
	lab_stop "$manager"
	lab_until ended
	expect 'nobody looks any more' "$(spoofed "$refused" --src "$LAB_CRM" --dst "$LAB_SINK")" -eq 0
}
refuses() { (($(spoofed "$refused" --src "$1" --dst "$LAB_SINK") == 100)); }
lets_in() { (($(spoofed "$refused" --src "$1" --dst "$LAB_SINK") == 0)); }

t 'C8 who is allowed, by his own interface' own_interface
t 'C8 his address, by another interface' other_interface
t 'why, show and prove know the interface' shown
t 'C8 own and loopback addresses from outside are counted' own_address
t 'C8 other addresses of the host, wherever they move' elsewhere
t_done
