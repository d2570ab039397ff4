#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# throttle.sh - on_budget: throttle with a real server: at what rate an export goes on, whether
# anything is lost on the way, and how that is said and ends.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

RATE=400000

# budget ON_BUDGET [LINE]: a policy file.
budget() {
	policy "$1" <<-EOF
		version: 1
		capacity: {sources: 65536}
		services:
		  api:   {transport: tcp, ports: [443], protocol: tls}
		  plain: {transport: tcp, ports: [8080]}
		policies:
		  - name: public
		    service: [api, plain]
		    clients: any
		    limits: {bytes_out: [{quota: 500kB, per: 1m}]}
		    on_budget: $1
		    ${2-}
	EOF
}
throttle() { budget throttle "throttle_to: $((RATE / 1000))kB/s"; }

# At both clients together.
arrived() {
	{ ip -n "$LAB-bad" -s -j link show abu0 && ip -n "$LAB-good" -s -j link show int0; } |
		jq -s 'map(.[0].stats64.rx.bytes) | add'
}
retransmitted() { in_host nstat -asz TcpRetransSegs | awk '/^Tcp/ { print $2 }'; }
now_us() { echo $((${EPOCHREALTIME/./})); }
throttled() {
	{ crmgate why "$LAB_BAD" -j && crmgate why "$LAB_BAD6" -j; } |
		jq -es 'any(.[].services[]; .throttled_to == "400kB/s" and (.cut | not))' >/dev/null
}

# downloads WHO URL COUNT: exports over as many connections at once, in the background.
downloads() {
	"in_$1" curl -sfkZ --parallel-immediate --parallel-max "$3" --max-time 60 "$2?[1-$(($3 + 3))]" \
		-o /dev/null 2>/dev/null &
}

# paced [BYTES]: until 1.6 MB or so many more have arrived, at most 10 % off the rate. A
# super-packet more or less is 4 % of 1.6 MB.
paced() {
	local bytes us
	bytes=$(arrived) us=$(now_us)
	lab_until at_least $((bytes + ${1-1600000})) arrived
	bytes=$(($(arrived) - bytes)) us=$(($(now_us) - us))
	measured "$((bytes * 1000000 / us)) bytes/s of $RATE"
	expect 'rate, at least' $((bytes * 1000000 / us * 10)) -ge $((RATE * 9))
	expect 'rate, at most' $((bytes * 1000000 / us * 10)) -le $((RATE * 11))
}

# slowed URL COUNT GSO: what is over the rate waits in the server's sockets and is not lost.
slowed() {
	in_host ethtool -K crm1 gso "$3" tso "$3"
	lab_until drained
	attach "$(throttle)" -q
	downloads bad "$1" "$2"
	trap "kill $! || :" EXIT
	lab_until throttled
	lossless
}

# lossless [BYTES]: at the rate, and nothing is sent again for it; a slow host alone makes TCP
# do so now and then.
lossless() {
	local lost
	# What the burst before lost on the way is sent again first.
	lost=$(arrived)
	lab_until at_least $((lost + RATE)) arrived
	lost=$(retransmitted)
	paced "$@"
	expect 'segments of a thousand that were sent again' "$(retransmitted)" -le $((lost + 5))
}

# What it does is in why, events, status, metrics and doctor.
says_so() {
	expect_json "$(crmgate events -j | jq -s .)" --arg a "$LAB_BAD" \
		'any(.[]; .event == "exceeded" and .address == $a and .reason == "bytes_out")'
	expect 'why' "$(crmgate why "$LAB_BAD")" =~ 'no more than 400kB/s is sent'
	expect 'show limits' "$(crmgate show limits)" =~ 'throttle to 400kB/s'
	expect_json "$(crmgate status -j)" '([.policies[].budgets_exceeded] | add) > 0 and
		([.policies[].dropped_bytes_out] | add) > 0'
	expect 'refused tries' "$(metric 'crmgate_drops_total{reason="bytes_out"}')" -gt 0
	expect_json "$(crmgate doctor crm0 crm1 -j || :)" 'any(.. | objects; .check? == "throttle" and
		.severity == "ok" and (.text | test("wait for throttle_to, without loss")))'
}

# The other client has a budget of its own, and a request of who is slowed down is answered.
serves() {
	slowed "https://$LAB_CRM/api/export" 1 on
	says_so
	lab_curl good -f --max-time 5 https://crm.example/api/contacts -o /dev/null
	in_bad curl -skf --max-time 10 "https://$LAB_CRM/api/contacts" -o /dev/null
}

# ends FUNCTION: who was slowed down has the rest at once, and all of it is right.
ends() {
	local pid
	lab_until drained
	attach "$(throttle)" -q
	in_bad curl -sf --max-time 60 "http://$LAB_CRM:8080/api/export" -o "$LAB_DIR/got" &
	pid=$!
	lab_until throttled
	"$@"
	wait "$pid"
	expect 'us for 1.4 MB, which are 3.5 s at the rate' "$(($(now_us) - ENDED))" -lt 2500000
	cmp "$LAB_DIR/export.bin" "$LAB_DIR/got"
}
detaches() {
	ENDED=$(now_us)
	crmgate detach --all -q
}
panics() {
	ENDED=$(now_us)
	crmgate panic -q
}
alerts() {
	ENDED=$(now_us)
	crmgate apply "$(budget alert)" -q
}

# Another program goes on with the rate, from where the old one was.
renews() {
	attach "$(throttle)" -q
	downloads bad "http://$LAB_CRM:8080/api/export" 2
	trap "kill $! || :" EXIT
	lab_until throttled
	crmgate attach crm0 crm1 -q
	throttled
	paced
}

# What all sources are sent together goes on at a rate that they share. Twice as long as the
# others, since four connections with a pause of up to half a second each vary more.
together() {
	policy together <<-EOF
		version: 1
		capacity: {sources: 65536}
		services:
		  plain: {transport: tcp, ports: [8080]}
		policies:
		  - name: public
		    service: plain
		    clients: any
		    total:
		      limits: {bytes_out: [{quota: 500kB, per: 1m}]}
		      throttle_to: $((RATE / 1000))kB/s
		    on_budget: throttle
	EOF
}
slowed_by() {
	crmgate why "$2" -j | jq -e --arg by "$1" \
		'any(.services[]; .throttled_to == "400kB/s" and .throttled_by == $by)' >/dev/null
}
shares() {
	local first
	lab_until drained
	attach "$(together)" -q
	downloads bad "http://$LAB_CRM:8080/api/export" 2
	first=$!
	downloads good "http://$LAB_CRM:8080/api/export" 2
	trap "kill $first $! || :" EXIT
	lab_until slowed_by policy "$LAB_BAD"
	slowed_by policy "$LAB_GOOD"
	lossless 3200000
	expect 'refused tries' "$(metric 'crmgate_drops_total{reason="total"}')" -gt 0
	expect 'why' "$(crmgate why "$LAB_GOOD")" =~ \
		'that all sources of the policy share is used up: no more than 400kB/s is sent'
}

t 'an export goes on at the rate that throttle_to asks for: TLS, IPv4' fresh serves
t 'eight share it' fresh slowed "http://$LAB_CRM:8080/api/export" 8 on
t 'the same over IPv6' fresh slowed "http://[$LAB_CRM6]:8080/api/export" 8 on
t 'the same without GSO' fresh slowed "http://$LAB_CRM:8080/api/export" 8 off
in_host ethtool -K crm0 gso off tso off
t 'two clients share the rate of a total, without loss' fresh shares
in_host ethtool -K crm0 gso on tso on
in_host ethtool -K crm1 gso on tso on
t 'a new program goes on with it' fresh renews
t 'a detach ends it at once' fresh ends detaches
t 'panic ends it at once' fresh ends panics
t 'another policy ends it at once' fresh ends alerts
t_done
