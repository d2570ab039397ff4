#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# always.sh - what always passes: ARP, ICMP, neighbour discovery, path MTU, and
# everything that is for no service, although the source is denied and banned.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

file=$(policy deny <<-EOF
	version: 1
	capacity: {sources: 1024}
	services:
	  api: {transport: tcp, ports: [443]}
	  dns: {transport: udp, ports: [53]}
	clients:
	  far: {prefixes: [10.9.0.0/24, "fd00:9::/64"]}
	policies:
	  - {name: nobody, service: [api, dns], clients: any, deny: true}
	  - {name: far, service: [api, dns], clients: far, limits: {packets: {rate: 1M/s}}}
EOF
)
attach "$file" -q || exit 1
crmgate ban "$LAB_GOOD" "$LAB_GOOD6" "$LAB_BAD" "$LAB_BAD6" -q || exit 1

denied() {
	local arrived
	arrived=$(lab_flood --count 1000 | jq .arrived)
	expect 'arrived' "$arrived" -gt 0
	# Emulated, the host may be too slow for some; a packet of another kind may be among those.
	lab_until at_least "$arrived" metric 'crmgate_drops_total{policy="nobody",reason="banned"}'
	expect_exit 28 lab_curl bad --max-time 1 https://crm.example/api/contacts
	expect_exit 28 lab_curl good --max-time 1 https://crm.example/api/contacts
}

# Both ways, with an empty neighbour table: ARP and discovery must get through.
neighbours_and_ping() {
	local side
	for side in good bad; do
		ip -n "$LAB-$side" neigh flush all
		ip -n "$LAB-$side" -6 neigh flush all
		"in_$side" ping -c3 -i0.01 -W2 -q "$LAB_CRM"
		"in_$side" ping -c3 -i0.01 -W2 -q "$LAB_CRM6"
	done
	ip -n "$LAB-host" neigh flush all
	ip -n "$LAB-host" -6 neigh flush all
	in_host ping -c3 -i0.01 -W2 -q "$LAB_BAD"
	in_host ping -c3 -i0.01 -W2 -q "$LAB_BAD6"
	expect 'others' "$(metric crmgate_other_packets_total)" -ge 18
}

# An unprotected port of the same address answers the denied and banned source.
other_ports() {
	lab_curl good -f 'http://crm.example:8080/api/contacts?[1-20]' -o /dev/null
	lab_curl bad -f 'http://crm.example:8080/api/contacts?[1-20]' -o /dev/null
}

# bad is now also a client behind good, on a path that takes 1300 bytes only; good,
# the router, is denied and banned, yet its "too big" must reach the host.
path_mtu() {
	ip link add far0 netns "$LAB-good" type veth peer name far1 netns "$LAB-bad"
	ip -n "$LAB-good" link set far0 mtu 1300 up
	ip -n "$LAB-bad" link set far1 up
	ip -n "$LAB-good" addr add 10.9.0.1/24 dev far0
	ip -n "$LAB-good" addr add fd00:9::1/64 dev far0 nodad
	ip -n "$LAB-bad" addr add 10.9.0.2/24 dev far1
	ip -n "$LAB-bad" addr add fd00:9::2/64 dev far1 nodad
	ip -n "$LAB-bad" route add "$LAB_CRM/32" via 10.9.0.1 src 10.9.0.2
	ip -n "$LAB-bad" -6 route add "$LAB_CRM6/128" via fd00:9::1 src fd00:9::2
	ip -n "$LAB-host" route add 10.9.0.0/24 via "$LAB_GOOD"
	ip -n "$LAB-host" -6 route add fd00:9::/64 via "$LAB_GOOD6"
	in_good sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	local address
	for address in "$LAB_CRM" "[$LAB_CRM6]"; do
		in_bad curl -sS -f -k --max-time 10 "https://$address/api/export" -o "$LAB_DIR/got"
		cmp "$LAB_DIR/export.bin" "$LAB_DIR/got"
	done
	in_host ip route get 10.9.0.2 | grep 'mtu 1300'
	in_host ip -6 route get fd00:9::2 | grep 'mtu 1300'
}

# veth leaves the TCP checksum to be filled in later; nobody may judge by it.
partial_checksums() {
	crmgate unban "$LAB_GOOD" -q
	crmgate apply "$(policy open <<-EOF
		version: 1
		capacity: {sources: 1024}
		services: {api: {transport: tcp, ports: [443]}}
		policies: [{name: everybody, service: api, clients: any, limits: {packets: {rate: 1M/s}}}]
	EOF
	)" -q
	in_good ethtool -k int0 | grep 'tx-checksumming: on'
	lab_curl good -f --data-binary @"$LAB_DIR/export.bin" -H 'Expect:' \
		https://crm.example/api/contacts | grep Turing
	expect 'refused' "$(policy_value everybody dropped_packets)" -eq 0
}

t 'T2 the deny policy and the bans do hold' denied
t 'T2 ARP, neighbour discovery and ping pass under deny and ban' neighbours_and_ping
t 'T2 what is for no service passes under deny and ban' other_ports
t 'C7 path MTU is found through a denied router, IPv4 and IPv6' path_mtu
t 'C12 partial checksums are not judged' partial_checksums
t_done
