#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bans.sh - automatic bans, from real connections: who earns one and who cannot, how it
# ends, what says so; what forged packets do to somebody else; a full table of manual bans.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

BALANCER=198.51.100.70 ALLOWED=198.51.100.71
for address in "$BALANCER" "$ALLOWED"; do
	ip -n "$LAB-bad" addr add "$address/24" dev abu0
done

# limits PUBLIC PARTNERS: a policy of both, all of whose sources are banned soon.
limits() {
	policy bans <<-EOF
		version: 1
		capacity: {sources: 65536, flows: 65536}
		services: {api: {transport: tcp, ports: [443], protocol: tls}}
		clients:
		  partners: {prefixes: [$LAB_GOOD/32]}
		  balancers: {prefixes: [$BALANCER/32], balancer: true}
		policies:
		  - name: public
		    service: api
		    clients: any
		    limits: {$1}
		    ban: {after: 5, within: 10s, for: 2s, factor: 10, max: 30s}
		  - {name: balancers, like: public, service: api, clients: balancers}
		  - {name: partners, like: public, service: api, clients: partners, limits: {$2}}
		allow: [$ALLOWED/32]
	EOF
}
file=$(limits 'packets: {rate: 100/s}' 'packets: {rate: 1M/s}, connections: {rate: 20/s}')

# clients VARIABLE NAMESPACE CONNECTIONS: real clients that do not relent.
clients() {
	lab_spawn "$1" "$2" wrk -t1 "-c$3" -d60s --timeout 60s "https://$LAB_CRM/api/contacts" \
		>"$LAB_DIR/wrk-$2"
}

# abuse_until COMMAND...: the abuser goes over its limit until the command succeeds, beside
# partners that have most of the service's packets.
abuse_until() {
	local good bad status=0
	clients good good 2
	lab_until at_least $(($(judged partners) + 100)) judged partners
	clients bad bad 32
	lab_until "$@" || status=$?
	lab_stop "$bad"
	lab_stop "$good"
	return "$status"
}

# What it has counted is in $LAB_DIR/bans: a ban of two seconds may be over soon after.
auto_bans() {
	crmgate bans -j >"$LAB_DIR/bans"
	jq '[.bans[] | select(.origin == "auto")] | length' "$LAB_DIR/bans"
}
strikes() { metric crmgate_strikes_total; }
served() { lab_curl bad -f https://crm.example/api/contacts | grep -q Turing; }

# Seconds that the automatic ban that was counted last lasts: from its event to its end. That
# is kept in whole seconds since boot, rounded up, and shown in those of the wall clock, rounded
# down.
lasts() {
	jq -n --argjson bans "$(<"$LAB_DIR/bans")" \
		--argjson event "$(crmgate events -j | jq -s '[.[] | select(.event == "ban")] | last')" '
		def seconds: capture("^(?<s>[^.Z]*)(?<f>[.][0-9]*)?Z$") |
			(.s + "Z" | fromdateiso8601) + (.f // 0 | tonumber);
		($bans.bans[0].until | seconds) - ($event.time | seconds)'
}
lasts_about() { jq -en --argjson s "$(lasts)" "\$s < $1 + 1.1 and \$s > $1 - 1.1" || { lasts; return 1; }; }

abuser_is_banned() {
	attach "$file" -q
	abuse_until is 1 auto_bans
	lasts_about 2
	lab_until is 0 auto_bans
	expect 'gauge' "$(metric 'crmgate_bans{origin="auto"}')" -eq 0
	expect_json "$(crmgate why "$LAB_BAD" -j)" '.services[0] | .banned_until == null and
		.automatic_bans == 1 and .proven'
	lab_until at_least 60 available
	served
}
available() { crmgate why "$LAB_BAD" -j | jq '.services[0].limits[0].available'; }

what_says_so() {
	abuse_until is 1 auto_bans
	expect_json "$(crmgate bans -j)" --arg a "$LAB_BAD" '.bans | length == 1 and
		(.[0] | .prefix == $a and .service == "api" and .origin == "auto" and
		 .note == "2nd ban" and .remaining_seconds <= 21)'
	lasts_about 20
	expect_json "$(crmgate top -j -n 10)" --arg a "$LAB_BAD" \
		'.sources[] | select(.address == $a) | .banned_until != null and .proven'
	expect_json "$(crmgate why "$LAB_BAD" -j)" '.services[0] | .banned_until != null and
		.automatic_bans == 2 and .proven'
	crmgate why "$LAB_BAD" | grep -q 'banned:.*by auto'
	expect_json "$(crmgate events -j | jq -s .)" --arg a "$LAB_BAD" 'map(select(.event == "ban")) |
		length == 2 and all(.address == $a and .service == "api" and .policy == "public" and
		.reason == "packets")'
	expect_json "$(crmgate status -j)" '.bans == 1 and .sources.banned == 1'
	expect 'gauge' "$(metric 'crmgate_bans{origin="auto"}')" -eq 1
	expect 'added' "$(metric 'crmgate_bans_added_total{origin="auto"}')" -eq 2
	expect 'strikes' "$(strikes)" -ge 10
}

# What is not for a service goes on; all else of the banned one is refused, of nobody else.
banned_is_refused() {
	local refused
	refused=$(metric 'crmgate_drops_total{reason="banned"}')
	expect_exit 28 lab_curl bad --max-time 1 https://crm.example/api/contacts
	expect 'refused' "$(metric 'crmgate_drops_total{reason="banned"}')" -gt "$refused"
	in_bad ping -c1 -W2 -q "$LAB_CRM"
	lab_curl good -f https://crm.example/api/contacts | grep -q Turing
}

# Whose ban was ended, and who goes on, is banned again: 2 s, 20 s, 200 s, but max is 30 s.
unban_ends_it() {
	expect_exit 0 crmgate unban "$LAB_BAD"
	expect 'said' "$OUTPUT" == '1 ban removed'
	expect 'automatic bans' "$(auto_bans)" -eq 0
	expect_json "$(crmgate events -j | jq -s .)" --arg a "$LAB_BAD" \
		'map(select(.event == "unban")) | last | .address == $a and (.detail | startswith("auto"))'
	expect_exit 0 crmgate unban "$LAB_BAD"
	expect 'said' "$OUTPUT" =~ 'nothing to remove'
	lab_until at_least 60 available
	served
	abuse_until is 1 auto_bans
	lasts_about 30
}

# B18: as a manual one of origin auto, with the time that is left.
comes_back() {
	local manager saved=/var/lib/crmgate/$LAB_INSTANCE
	sed 's/for: 2s/for: 1h/; s/max: 30s/max: 1d/' "$file" >"$LAB_DIR/longer.yaml"
	attach "$LAB_DIR/longer.yaml" -q
	abuse_until is 1 auto_bans
	manage manager
	lab_stop "$manager"
	rm -r "/sys/fs/bpf/crmgate/$LAB_INSTANCE"
	lab_until unattached
	manage manager
	lab_until crmgate status --check -q
	lab_stop "$manager"
	expect_json "$(crmgate bans -j)" --arg a "$LAB_BAD" '.bans | length == 1 and (.[0] |
		.prefix == $a and .service == "api" and .origin == "auto" and .note == "1st ban" and
		.remaining_seconds > 3400 and .remaining_seconds <= 3601)'
	expect_exit 28 lab_curl bad --max-time 1 https://crm.example/api/contacts
	lab_curl good -f https://crm.example/api/contacts | grep -q Turing
	rm -r "$saved"
}
manage() {
	lab_spawn "$1" host "$CRMGATE" daemon --manage --instance "$LAB_INSTANCE" &>>"$LAB_DIR/manage.log"
	lab_until in_host curl -sf http://127.0.0.1:9750/healthz
}
unattached() { ! in_host ip link show crm1 | grep -q prog/xdp; }

# Most of what the service lets pass is from the abuser: it may be many behind one address.
large_share() {
	local bad
	attach "$file" -q
	clients bad bad 32
	lab_until at_least 1 metric crmgate_large_share_total
	lab_stop "$bad"
	expect 'automatic bans' "$(auto_bans)" -eq 0
	expect_json "$(crmgate events -j | jq -s .)" --arg a "$LAB_BAD" 'map(select(.event == "share")) |
		length >= 1 and all(.address == $a and .policy == "public" and .reason == "packets")'
	expect 'bans' "$(metric 'crmgate_bans_added_total{origin="auto"}')" -eq 0
}

# From another address of the abuser's machine.
from() {
	ip -n "$LAB-bad" route replace "$LAB_CRM/32" via "${LAB_BAD%.*}.1" src "$1"
	"${@:2}"
	ip -n "$LAB-bad" route del "$LAB_CRM/32"
}

balancer_is_never_banned() {
	attach "$file" -q
	from "$BALANCER" abuse_until at_least 300 policy_value balancers dropped_packets
	expect 'strikes' "$(strikes)" -eq 0
	expect 'bans' "$(crmgate status -j | jq .bans)" -eq 0
	expect 'shares' "$(metric crmgate_large_share_total)" -eq 0
}

allowed_is_never_banned() {
	attach "$file" -q
	from "$ALLOWED" abuse_until at_least 2000 policy_value allow passed_packets
	expect 'refused' "$(policy_value allow dropped_packets)" -eq 0
	expect 'strikes' "$(strikes)" -eq 0
	expect 'bans' "$(crmgate status -j | jq .bans)" -eq 0
}

# What would be refused is counted, and is no strike.
shadow_makes_none() {
	attach "$file" -q --shadow
	abuse_until at_least 2000 policy_value public would_drop_packets
	expect 'dropped' "$(policy_value public dropped_packets)" -eq 0
	expect 'strikes' "$(strikes)" -eq 0
	expect 'bans' "$(crmgate status -j | jq .bans)" -eq 0
}

# T21, D4: a partner with an open connection, and somebody who sends in its name. The
# connections that are refused are not the partner's; what it asks is answered, for as long as the
# flood is there.
forged_address() {
	local requests during
	attach "$file" -q
	: >"$LAB_DIR/access.log"
	lab_spawn requests good curl -sS --cacert "$LAB_DIR/cert.pem" --rate 30/s -o "$LAB_DIR/got" \
		--resolve "crm.example:443:$LAB_CRM" 'https://crm.example/api/contacts?[1-100000]'
	lab_until at_least 1 answered
	pour --src "$LAB_GOOD" --dst "$LAB_CRM" --kind syn,ack,data,udp --count 100000 --rate 60000
	during=$(answered)
	lab_until at_least $((during + 10)) answered
	lab_stop "$requests"
	expect 'requests during the flood' "$during" -ge 10
	expect 'answers' "$(awk '{ print $9 }' "$LAB_DIR/access.log" | sort -u)" == 200
	expect 'refused' "$(metric 'crmgate_drops_total{policy="partners",reason="connections"}')" -gt 20000
	partner_is_not_banned
}
answered() { grep -c "^$LAB_GOOD " "$LAB_DIR/access.log" || :; }

partner_is_not_banned() {
	expect 'automatic bans' "$(metric 'crmgate_bans_added_total{origin="auto"}')" -eq 0
	expect_json "$(crmgate why "$LAB_GOOD" -j)" '.services[0] | .proven and .banned_until == null and
		.automatic_bans == 0'
}

# The same when the forged packets use up all that the partner may send, so that segments
# of its own connections are refused too. Others have most of the service's packets.
forged_until_refused() {
	local partner others
	attach "$(limits 'packets: {rate: 1M/s}' 'packets: {rate: 100/s}')" -q
	clients partner good 8
	clients others bad 2
	lab_until at_least 300 judged public
	pour --src "$LAB_GOOD" --dst "$LAB_CRM" --kind syn,ack,data,udp --count 100000 --rate 30000
	lab_stop "$partner"
	lab_stop "$others"
	partner_is_not_banned
	expect 'refused' "$(metric 'crmgate_drops_total{policy="partners",reason="packets"}')" -gt 60000
	lab_until lab_curl good -f https://crm.example/api/contacts
}

feed_of_bans() {
	awk 'BEGIN { for (i = 0; i < 65536; i++) printf "10.%d.%d.%d\n", i / 16384, i / 64 % 256, i % 64 }' \
		>"$LAB_DIR/feed.txt"
	crmgate ban -f "$LAB_DIR/feed.txt" --for 1h --origin feed -q
}

# D8: the table of manual bans is full: one more is refused and changes nothing, the same
# ones again are none more, and an abuser is banned automatically all the same.
table_of_bans_is_full() {
	attach "$file" -q
	feed_of_bans
	expect 'gauge' "$(metric 'crmgate_bans{origin="feed"}')" -eq 65536
	expect_exit 1 crmgate ban 192.0.2.77 --for 1h
	expect 'says what to do' "$OUTPUT" =~ 'room for 65536.*unban'
	expect 'gauge' "$(metric crmgate_bans)" -eq 65536
	expect 'added' "$(metric 'crmgate_bans_added_total{origin="manual"}')" -eq 0
	expect_exit 0 crmgate ban 10.0.0.1 --for 2h --origin feed
	abuse_until is 1 metric 'crmgate_bans{origin="auto"}'
	expect 'manual bans' "$(metric 'crmgate_bans{origin="feed"}')" -eq 65536
	crmgate unban 10.0.0.1 -q
	expect_exit 0 crmgate ban 192.0.2.77 --for 1h
	crmgate unban -f "$LAB_DIR/feed.txt" --origin feed -q
	expect 'bans left' "$(metric 'crmgate_bans{origin="feed"}')" -eq 0
	expect 'bans left' "$(metric 'crmgate_bans{origin="manual"}')" -eq 1
}

t 'main: an abuser over real connections is banned, for a while' abuser_is_banned
t 'main: a second ban is longer, and every command says so' what_says_so
t 'main: a banned source is refused at services, and nobody else is' banned_is_refused
t 'main: unban ends one; no ban is longer than max' unban_ends_it
t 'B18 an automatic ban comes back after a reboot' fresh comes_back
t 'main: a source with most of the packets is reported, not banned' fresh large_share
t 'main: a balancer is never banned' fresh balancer_is_never_banned
t 'main: who is on the allow list is never banned' fresh allowed_is_never_banned
t 'main: a policy in shadow bans nobody' fresh shadow_makes_none
t 'T21 D4 forged packets get nobody banned' fresh forged_address
t 'T21 D4 forged packets that use up a limit get nobody banned' fresh forged_until_refused
t 'D8 the table of manual bans is full' fresh table_of_bans_is_full
t_done
