#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# contracts.sh - a client whose contract does not hold counts as any: by the kernel's own
# clock, with no process of crmgate running, in what is counted, proven, shown and told.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

# in_days N: a date so many days from today, UTC.
in_days() { date -u -d "$1 days" +%F; }

# contract KEYS: the good namespace is the client partners, with these keys.
contract() {
	policy contract <<-EOF
		version: 1
		capacity: {sources: 65536}
		services: {api: {transport: tcp, ports: [443], protocol: tls}}
		clients:
		  partners: {prefixes: [$LAB_GOOD, "2001:db8:7::/48"], owner: ACME, $1}
		policies:
		  - {name: partners, service: api, clients: partners, limits: {packets: {rate: 20k/s}}}
		  - {name: public, service: api, clients: any, limits: {packets: {rate: 10k/s}}}
	EOF
}

# under POLICY: a request of the partner is served, and counted by that policy alone; for the
# client while it is one.
under() {
	local before_partners before_public as_client
	before_partners=$(judged partners) before_public=$(judged public)
	as_client=$(of_client packets)
	lab_curl good -f https://crm.example/api/contacts >/dev/null
	lab_until drained
	case $1 in
	partners) expect 'judged by public' "$(judged public)" -eq "$before_public" ;;
	public)
		expect 'judged by partners' "$(judged partners)" -eq "$before_partners"
		expect 'as a client' "$(of_client packets)" -eq "$as_client"
		;;
	esac
	expect 'counted for the client' "$(of_client packets)" -eq "$(judged partners)"
	expect 'sent to it' "$(of_client bytes_out)" -eq "$(metric \
		'crmgate_bytes_total{policy="partners",direction="out",verdict="pass"}')"
	expect 'metric' "$(metric 'crmgate_client_packets_total{client="partners"}')" -eq \
		"$(of_client packets)"
	expect "judged by $1" "$(judged "$1")" -gt "$((before_${1}))"
	expect_json "$(crmgate why "$LAB_GOOD" -j)" --arg p "$1" '.services[0].policy == $p'
	expect_json "$(crmgate top --once -j)" --arg p "$1" --arg a "$LAB_GOOD" \
		'any(.sources[]; .address == $a and .policy == $p)'
	crmgate prove
}

of_client() { crmgate status -j | jq --arg key "$1" '.clients[] | select(.name == "partners")[$key]'; }

holds() {
	attach "$(contract "valid_until: $(in_days 30), hours: 'Mon-Sun 00:00-24:00 Europe/Paris'")" -q
	under partners
	expect 'metric' "$(metric 'crmgate_client_contract_holds{client="partners"}')" -eq 1
	expect_json "$(crmgate status -j)" '.contracts == [.contracts[] | select(.holds and
		.client == "partners" and .owner == "ACME" and .valid_until != null)] and
		(.contracts | length) == 1 and all(.problems[]; .id != "contract_ends")'
}

# Within a second of its end, while a source goes on; nobody does anything for it.
ends() {
	local end
	end=$(($(date +%s) + 4))
	attach "$(contract "valid_until: $(date -u -d "@$end" +%FT%TZ)")" -q
	under_until_end "$end"
	lab_until past "$end"
	under public
	expect 'metric' "$(metric 'crmgate_client_contract_holds{client="partners"}')" -eq 0
	expect_exit 0 crmgate status
	expect 'status' "$OUTPUT" =~ 'client partners counts as any: ended at '
	expect_json "$(crmgate status -j)" 'any(.problems[]; .id == "contract_ends")'
	expect_json "$(crmgate posture -j)" 'any(.findings[]; .check == "contract_ends" and
		(.text | test("^partners \\(ACME\\): ended at ")))'
}
past() { (($(date +%s) > $1)); }
# Only where there is time left: the proof at the end of attach takes some of it.
under_until_end() {
	local before
	before=$(judged partners)
	lab_curl good -f https://crm.example/api/contacts >/dev/null
	lab_until drained
	past "$(($1 - 1))" || expect 'judged by partners' "$(judged partners)" -gt "$before"
}

# The daemon tells of an end that is near, once.
told() {
	local daemon
	attach "$(contract "valid_until: $(in_days 5)")" -q
	lab_spawn daemon host "$CRMGATE" daemon --manage --instance "$LAB_INSTANCE" \
		--listen 127.0.0.1:9750 -q
	lab_until ends_told
	crmgate apply -q
	lab_until at_least 2 managed_generation
	lab_stop "$daemon"
	expect 'told' "$(events_told)" -eq 1
	expect_json "$(crmgate status -j)" 'any(.problems[]; .id == "contract_ends")'
}
events_told() { crmgate events -j | jq -s '[.[] | select(.event == "contract")] | length'; }
ends_told() { (($(events_told) == 1)); }
managed_generation() { crmgate status -j | jq '.proof.generation'; }

shown() {
	expect_exit 2 crmgate check "$(contract "hours: 'Mon-Fri 09:00-08:00 UTC'")"
	expect 'what check says' "$OUTPUT" =~ 'end before they begin'
	expect_exit 0 crmgate check "$(contract "hours: 'Mon-Fri 07:00-20:00 Europe/Paris'")"
	expect 'what check says' "$OUTPUT" =~ 'partners  ACME   -            Mon-Fri 07:00-20:00 Europe/Paris'
}

t 'a contract that holds' fresh holds
t 'a contract ends while nobody looks: the policy for any holds' fresh ends
t 'the managing daemon tells of an end that is near' fresh told
t 'check shows contracts, and what is wrong with one' shown
t_done
