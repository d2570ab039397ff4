#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# patient.sh - what real clients asked and were sent is noted, and a source that asks like one
# that takes all is told of. Hours are what a test has not: they are written into the note
# of a source that real requests made.
. "$(dirname "$0")/lib.sh"

lab_up && lab_nginx || exit 1

# looking PORT PROTOCOL: a policy file for this port that looks for patient sources.
looking() {
	policy looking <<-EOF
		version: 1
		capacity: {sources: 1024, flows: 1024}
		services: {api: {transport: tcp, ports: [$1], protocol: $2}}
		clients: {partner: {prefixes: [$LAB_GOOD]}}
		policies:
		  - name: public
		    service: api
		    clients: any
		    limits: {requests: {rate: 1k/s}}
		    detect: {patient: observe}
		  - {name: partner, service: api, clients: partner, like: public, detect: {patient: "off"}}
	EOF
}

# asks NAMESPACE URL COUNT: so many requests, one after the other, on one connection.
asks() { lab_curl "$1" -f -o /dev/null "$2?[1-$3]"; }

patient() { crmgate why "$1" -j | jq -c '.services[0].patient'; }
answers() { patient "$1" | jq '.answers // 0'; }
histograms() { crmgate why "$1" -j | jq -c '.services[0].answers'; }

noted() {
	local note source
	attach "$(looking "$1" "$2")" -q
	asks bad "$3/api/contacts" 40
	asks good "$3/api/contacts" 40
	lab_until drained
	# Each but the first has one before it. Of TLS requests are an estimate.
	expect 'answers' "$(answers "$LAB_BAD")" -ge "$4"
	expect 'answers' "$(answers "$LAB_BAD")" -le 39
	expect 'of a policy that does not look' "$(patient "$LAB_GOOD")" == null
	note=$(patient "$LAB_BAD")
	# A contact of nginx with its headers: 200 to 250 bytes.
	expect_json "$note" '.score == 0 and (.told | not) and .equal > 0.9 and .parts >= 1 and .parts <= 2 and
		.answers == '"$(histograms "$LAB_BAD" | jq '[.gap_seconds[].count] | add')"
	# The policy of the other does not look, and has them as well.
	for source in "$LAB_BAD" "$LAB_GOOD"; do
		expect_json "$(histograms "$source")" '([.bytes[].count] | add) >= '"$4"' and
			([.gap_seconds[].count] | add) == ([.bytes[].count] | add) and
			(.bytes | max_by(.count) | .from == 128 and .to == 256)'
	done
	expect 'text of one' "$(crmgate why "$LAB_GOOD")" =~ "answers: [0-9]+% of [0-9]+ answers of [0-9]+B to "
	expect 'text' "$(crmgate why "$LAB_BAD")" =~ 'patient: score 0: '
	expect_json "$(crmgate show limits -j)" '[.policies[] | select(.policy == "public").detect] ==
		[{"patient": "observe"}]'
}

# 255 kB and headers, which are 267 kB on the wire: what is noted is what the records hold.
sizes() {
	attach "$(looking 443 tls)" -q
	lab_curl good -f -o /dev/null -r 0-254999 'https://crm.example/api/export?[1-20]'
	lab_until drained
	expect 'on the wire' "$(policy_value partner bytes_out)" -gt $((20 * 262144))
	expect_json "$(histograms "$LAB_GOOD")" '.bytes | max_by(.count) |
		.from == 131072 and .to == 262144 and .count >= 17'
}

pinned() { echo "$(pins)/patience"; }

# Half a day, and a pace of 2 to 4 s, in the note of the only source that there is one of.
grow() {
	bpftool -j map dump pinned "$(pinned)" >"$LAB_DIR/dump"
	python3 - "$LAB_DIR/dump" <<-'EOF' >"$LAB_DIR/grown"
		import json, struct, sys
		for entry in json.load(open(sys.argv[1])):
		    value = bytearray(int(b, 16) for b in entry["value"])
		    if not struct.unpack_from("<Q", value)[0]:
		        continue
		    buckets = list(struct.unpack_from("<32I", value, 48))
		    size = max(range(16), key=lambda i: buckets[i])
		    buckets[size] += 900
		    buckets[16 + 8] += 900
		    struct.pack_into("<Q", value, 24, (1 << 40) - 1)
		    struct.pack_into("<32I", value, 48, *buckets)
		    print("hex", *(b[2:] for b in entry["key"]))
		    print("hex", *(f"{b:02x}" for b in value))
	EOF
	mapfile -t grown <"$LAB_DIR/grown"
	expect 'notes' "${#grown[@]}" -eq 2
	# shellcheck disable=SC2086 # words
	bpftool map update pinned "$(pinned)" key ${grown[0]} value ${grown[1]}
}

told_of() {
	crmgate events -j | jq -s --arg a "$LAB_BAD" \
		'[.[] | select(.event == "patient" and .address == $a)] | length'
}

tells() {
	attach "$(looking 8080 http)" -q
	asks bad http://crm.example:8080/api/contacts 20
	lab_until drained
	lab_until is 19 answers "$LAB_BAD"
	grow
	expect_json "$(patient "$LAB_BAD")" '.score == 100 and .told and .parts == 40'
	daemon manager --manage &>"$LAB_DIR/manage.log"
	trap 'daemon_killed "$manager" &>/dev/null' EXIT
	lab_until at_least 1 told_of
	expect_json "$(crmgate events -j | jq -s '.[] | select(.event == "patient")')" \
		'.service == "api" and (.detail | test("^score 100: .* of gaps 1\\.1s to 4\\.3s, 40 of 64"))'
	expect 'events that are kept' "$(crmgate events --private | grep -c 'score 100$')" -eq 1
	expect 'the audit log' "$(crmgate audit -j | jq '[.entries[] | select(.what == "patient")] | length')" -eq 0
	expect 'times' "$(told_of)" -eq 1
	# It is only told: nothing was refused.
	expect 'dropped' "$(policy_value public dropped_packets)" -eq 0
	crmgate forget "$LAB_BAD" -q
	asks bad http://crm.example:8080/api/contacts 2
	lab_until drained
	expect 'after it was forgotten' "$(answers "$LAB_BAD")" -le 1
}

t 'what is asked and sent is noted: plain HTTP' fresh noted 8080 http http://crm.example:8080 39
t 'what is asked and sent is noted: TLS' fresh noted 443 tls https://crm.example 30
t 'what is noted of answers is what their records hold' fresh sizes
t 'a source that asks like one that takes all is told of' fresh tells
t_done
