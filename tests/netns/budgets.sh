#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# budgets.sh - bytes_out with a real server: exports over many connections, of which
# another instance natively counts what arrives, on the client's side.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

QUOTA=5000000 PER=8

# budget ON_BUDGET: a policy file.
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
		    limits: {bytes_out: [{quota: 5MB, per: ${PER}s}]}
		    on_budget: $1
	EOF
}

# On the client's side; what arrives there is for one service, and is counted.
receiver() { in_bad "$CRMGATE" "$1" --instance "$LAB_INSTANCE-r" "${@:2}"; }
arrived() { receiver status -j | jq '[.services[].bytes] | add'; }
# Two readings in a row are the same: nothing waits in the queues of the veth.
settled() { (($(arrived) == $(arrived))); }
left() { metric 'crmgate_bytes_total{direction="out",verdict="pass"}'; }

# lost GSO: bytes, at most, of what the veth dropped between the two instances until now.
lost() {
	local size=1514
	[[ $1 == off ]] || size=65550
	echo $(($(lost_between host/crm1 bad/abu0) * size))
}

both_attach() {
	lab_until drained
	attach "$(budget "$1")" -q
	trap 'receiver detach --all --purge -q' EXIT
	receiver attach abu0 -q --policy "$(policy receiver <<-EOF
		version: 1
		capacity: {sources: 1024}
		services: {client: {transport: tcp, ports: [1024-65535]}}
	EOF
	)"
}

# exports URL [SECONDS]: eight of 2 MB at once, over as many connections, for at most 3 s, and no
# faster than a veth that is busy can take it: what is lost on the way does not arrive.
exports() {
	in_bad curl -skZ --parallel-max 8 --limit-rate 2M --max-time "${2-3}" "$1?[1-8]" -o /dev/null
}

# What a source that was cut is told, and refused; the other one is served.
says_so() {
	local dropped
	expect_json "$(crmgate why "$LAB_BAD" -j)" 'any(.services[]; .cut and
		any(.limits[]; .name == "bytes_out" and .per == "8s" and .quota == 5000000 and
			.available < 1000000))'
	expect_json "$(crmgate events -j | jq -s .)" --arg a "$LAB_BAD" \
		'any(.[]; .event == "budget" and .address == $a and .reason == "bytes_out") and
		 any(.[]; .event == "exceeded" and .address == $a and .verdict == "reset")'
	dropped=$(metric 'crmgate_drops_total{reason="bytes_out"}')
	expect_exit 28 in_bad curl -sk --max-time 0.5 "$1"
	expect 'refused connections' "$(metric 'crmgate_drops_total{reason="bytes_out"}')" -gt "$dropped"
	expect_json "$(crmgate status -j)" '([.policies[].dropped_bytes_out] | add) > 0 and
		([.policies[].budgets_exceeded] | add) > 0 and
		all(.policies[]; ([.reasons | to_entries[] | select(.key | IN("ok", "no_policy") | not) |
			.value] | add // 0) == .dropped_packets)'
}

# cut URL GSO [MORE]...: between 7/8 of the quota and all of it arrives, then nothing but
# the end of the connections, which neither the client nor the server waits for (28: of
# those that were not begun yet SYNs are dropped).
cut() {
	local before lost
	in_host ethtool -K crm1 gso "$2" tso "$2"
	both_attach cut
	lost=$(lost "$2")
	expect_exit '@(28|56)' exports "$1"
	lab_until drained
	lab_until settled
	before=$(arrived)
	lost=$(($(lost "$2") - lost))
	expect 'arrived' "$before" -le $((QUOTA + 74 * $(metric crmgate_resets_total)))
	expect 'arrived and lost' $((before + lost)) -ge $((QUOTA / 8 * 7))
	expect 'what left, at most' $(($(left) * 1000)) -le $(((before + lost) * 1005))
	expect 'what left, at least' $(($(left) * 1000)) -ge $((before * 995))
	measured "$(arrived) bytes of $QUOTA arrived, $(left) were counted, at most $lost lost"
	"${@:3}" "$1"
}

# The other client has a budget of its own; after the time both are served.
lets_in_again() {
	says_so "$1"
	lab_curl good -f https://crm.example/api/export -o "$LAB_DIR/got"
	cmp "$LAB_DIR/export.bin" "$LAB_DIR/got"
	lab_until in_bad curl -skf --max-time 0.5 "${1%/*}/contacts"
	expect_json "$(crmgate why "$LAB_BAD" -j)" 'all(.services[]; .cut | not)'
}

# A client that keeps a connection: after its first answer it says "open", and on a word
# asks again; then why that ended.
KEEPS='
	ask() { printf "GET /api/contacts HTTP/1.1\r\nHost: crm\r\n\r\n" >&3; }
	exec 3<>"/dev/tcp/$1/8080" 2>&1
	ask
	until read -ru 3 && [[ $REPLY == *Turing* ]]; do :; done
	echo open
	read -r
	ask
	cat <&3'

# kept MODE: a connection on which nothing is sent when its source is cut ends with the
# next request.
kept() {
	local answer
	both_attach cut
	if [[ $1 == tc ]]; then
		crmgate detach --all -q
		crmgate attach crm0 crm1 --mode tc -q
	fi
	coproc in_bad bash -c "$KEEPS" - "$LAB_CRM"
	read -ru "${COPROC[0]}" answer
	expect_exit '@(28|56)' exports "http://$LAB_CRM:8080/api/export"
	echo again >&"${COPROC[1]}"
	read -ru "${COPROC[0]}" answer
	expect 'the connection' "$answer" =~ 'reset by peer'
	lab_until drained
}

# Nobody is refused anything, and it is told.
alert() {
	local lost arrived
	both_attach alert
	lost=$(lost on)
	exports "https://$LAB_CRM/api/export" 60
	lab_until drained
	lab_until settled
	arrived=$(arrived) lost=$(($(lost on) - lost))
	expect 'arrived' "$arrived" -gt 16000000
	expect 'what left, at most' $(($(left) * 1000)) -le $(((arrived + lost) * 1005))
	expect 'what left, at least' $(($(left) * 1000)) -ge $((arrived * 995))
	expect 'dropped' "$(metric crmgate_drops_total)" -eq 0
	expect_json "$(crmgate events -j | jq -s .)" --arg a "$LAB_BAD" \
		'any(.[]; .event == "budget" and .address == $a) and
		 any(.[]; .event == "exceeded" and .address == $a and .verdict == "pass" and
			.reason == "bytes_out")'
	expect 'budgets exceeded' "$(metric crmgate_budgets_exceeded_total)" -ge 1
	expect 'quota' "$(metric 'crmgate_quota_bytes{service="api",per="8s"}')" -eq "$QUOTA"
}

# shared_budget SCOPE: of two clients, each of which has enough of its own; as one total, or as
# the budget of a prefix that both are in.
shared_budget() {
	local shared='total: {limits: {'
	[[ $1 == policy ]] || shared='aggregate: {ipv4: 4, limits: {'
	policy shared <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {ports: [443, 8080]}}
		policies:
		  - name: public
		    service: api
		    clients: any
		    limits: {bytes_out: [{quota: 50MB, per: ${PER}s}]}
		    ${shared}bytes_out: [{quota: 5MB, per: ${PER}s}, {quota: 100MB, per: 1d}]}}
		    on_budget: cut
	EOF
}

# export_to CLIENT SECONDS: 2 MB, whole.
export_to() {
	"in_$1" curl -sf --max-time "$2" "http://$LAB_CRM:8080/api/export" -o "$LAB_DIR/got.$1" &&
		cmp "$LAB_DIR/export.bin" "$LAB_DIR/got.$1"
}

# together SCOPE REASON ADDRESS: two clients use a budget up together: then both wait, and open
# connections end. ADDRESS: of the events, null: they have none.
together() {
	local good=$LAB_GOOD dropped
	lab_until drained
	attach "$(shared_budget "$1")" -q
	export_to good 5
	export_to bad 5
	expect_exit 56 export_to good 5
	lab_until is_cut "$LAB_BAD"
	dropped=$(metric "crmgate_drops_total{reason=\"$2\"}")
	expect_exit 28 in_bad curl -s --max-time 0.5 "http://$LAB_CRM:8080/api/contacts"
	expect 'refused connections' "$(metric "crmgate_drops_total{reason=\"$2\"}")" -gt "$dropped"
	expect_json "$(crmgate why "$good" -j)" --arg s "$1" '.services[] | .cut and .cut_by == $s and
		any(.limits[]; .name == "bytes_out" and .scope == $s and .quota == 5000000 and
			.available < 1000000) and
		any(.limits[]; .name == "bytes_out" and .scope == "source" and .available > 40000000)'
	expect_json "$(crmgate events -j | jq -s .)" --argjson a "$3" --arg r "$2" \
		'any(.[]; .event == "budget" and .address == $a and .reason == $r) and
		 any(.[]; .event == "exceeded" and .address == $a and .reason == $r and
			.verdict == "reset")'
	expect 'sent' "$(left)" -le 5000000
	expect 'sent' "$(left)" -ge 4375000
	expect 'resets' "$(metric crmgate_resets_total)" -gt 0
	expect 'quota' "$(metric "crmgate_quota_bytes{scope=\"$1\",per=\"8s\"}")" -eq 5000000
	lab_until in_bad curl -sf --max-time 0.5 "http://$LAB_CRM:8080/api/contacts" -o /dev/null
	# What all were sent stays sent.
	crmgate apply "$(budget cut)" -q
	crmgate apply "$(shared_budget "$1")" -q
	crmgate detach --all -q
	crmgate attach crm0 crm1 -q
	expect 'left of a day' "$(crmgate why "$LAB_BAD" -j | jq --arg s "$1" '.services[].limits[] |
		select(.scope == $s and .per == "1d").available')" -lt 95625000
}
is_cut() { crmgate why "$1" -j | jq -e 'any(.services[]; .cut)' >/dev/null; }

# What was sent stays sent under another policy, after a detach, and under a new program.
survives() {
	local PER=3600
	both_attach cut
	exports "http://$LAB_CRM:8080/api/export" || :
	crmgate apply "$(budget alert)" -q
	crmgate apply "$(budget cut)" -q
	crmgate detach --all -q
	crmgate attach crm0 crm1 -q
	expect_json "$(crmgate why "$LAB_BAD" -j)" 'any(.services[].limits[];
		.name == "bytes_out" and .available < 1000000)'
}

t 'a budget cuts exports over eight connections: TLS, IPv4' \
	fresh cut "https://$LAB_CRM/api/export" on lets_in_again
t 'the same over IPv6' fresh cut "http://[$LAB_CRM6]:8080/api/export" on :
t 'the same without GSO' fresh cut "http://$LAB_CRM:8080/api/export" off :
t 'the same without GSO over IPv6' fresh cut "https://[$LAB_CRM6]/api/export" off :
in_host ethtool -K crm1 gso on tso on
t 'an idle connection of who was cut is reset at both ends' fresh kept xdp
t 'the same with TC ingress' fresh kept tc
t 'a budget alerts, and nothing is refused' fresh alert
t 'a total is used up by two clients together' fresh together policy total null
t 'the budget of a prefix is, too' fresh together aggregate aggregate '"192.0.0.0/4"'
t 'a budget survives apply, detach and attach' fresh survives
t_done
