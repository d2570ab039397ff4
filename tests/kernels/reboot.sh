#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# reboot.sh - B18 with a kernel that does boot again. The first time what is to come back
# is made and saved; the second time only the state folder is left of it.
. "$(dirname "$0")/../netns/lib.sh"

LAB_INSTANCE=rebooted
state=/var/lib/crmgate/$LAB_INSTANCE
again=
[[ ! -e $state ]] || again=1
# What the lab removes at its end goes with the guest; the next boot gets a copy.
kept=/kept

lab_up || exit 1

manage() {
	lab_spawn manager host "$CRMGATE" daemon --manage --instance "$LAB_INSTANCE" \
		--listen 127.0.0.1:9750 &>"$LAB_DIR/manage.log"
	trap crash EXIT
	lab_until enforced
}
# Until it runs no more: its end is not awaited by whoever runs this.
crash() {
	lab_stop "$manager" KILL
	lab_until flock -n "/run/crmgate/$LAB_INSTANCE.daemon.lock" true
}
enforced() { crmgate status --check -q &>/dev/null; }
saved() { grep -qs "\"$1\"" "$state/bans.json"; }
refused() { metric "crmgate_drops_total{policy=\"public\",reason=\"$1\"}"; }

before() {
	local file
	file=$(public 'deny: true')
	attach "$file" -q
	manage
	crmgate ban "$LAB_GOOD" --for 1h --note 'for an hour'
	crmgate ban 192.0.2.51 --for 1d --service api
	lab_until saved 192.0.2.51
	mkdir -p "$kept/var/lib/crmgate"
	cp -rpt "$kept/var/lib/crmgate" "$state"
}

after() {
	local left
	expect_exit 1 crmgate status
	manage
	expect_json "$(crmgate bans -j)" '[.bans[] | [.prefix, .service, .note]] | sort == [
		["192.0.2.51", "api", ""], ["'"$LAB_GOOD"'", null, "for an hour"]]'
	left=$(crmgate bans -j | jq --arg p "$LAB_GOOD" \
		'.bans[] | select(.prefix == $p).remaining_seconds')
	expect 'left of an hour' "$left" -gt 3000
	expect 'at most' "$left" -le 3600
	# The policy file is gone, as the lab that wrote it.
	expect_json "$(crmgate status -j)" '.problems == [] and (.interfaces | length) == 2'
	flood public --src "$LAB_GOOD" --count 100
	expect 'refused for the ban' "$(refused banned)" -gt 90
	flood public --src "$LAB_BAD" --count 100
	expect 'refused by the policy' "$(refused denied)" -gt 90
}

if [[ ! $again ]]; then
	t 'B18 before a reboot: a policy, two bans, a managing daemon' before
else
	t 'B18 after it: policy, bans and interfaces are back' after
fi
t_done
