#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# package.sh - builds the Debian package, and installs, starts, upgrades, removes and purges
# it on a Debian that booted: systemd in namespaces, on an overlay on a debootstrap folder
# (made once, build/root), with bpffs of its own and the network of the lab. Nothing of this
# machine is touched.
[[ ${PKG_INSIDE-} ]] || exec unshare --mount --pid --fork --kill-child --mount-proc \
	env PKG_INSIDE=1 bash "$0" "$@"
cd "$(dirname "$0")/../.." || exit 1
# In this mount namespace alone, so that the names of two runs do not meet.
mkdir -p /run/netns && mount -t tmpfs netns /run/netns || exit 1
. tests/netns/lib.sh
. tests/pkg/guest.sh

lab_up || exit 1
trap 'guest_halt; lab_down' EXIT
crmgate() { inside crmgate "$@"; }

# ---------------------------------------------------------------- the packages

# Unit tests are a test of their own.
build_deb() { DEB_BUILD_OPTIONS=nocheck make --no-print-directory deb BUILD="$BUILD"; }
lintian_is_clean() { lintian --allow-root --fail-on error "$BUILD"/deb/*.changes; }

# repack VERSION [PROGRAM]: the package, called newer; with another program or a script instead.
repack() {
	local files=$LAB_DIR/package.$1
	dpkg-deb -R "$BUILD"/deb/crmgate_*.deb "$files"
	sed -i "s/^Version: .*/Version: $1/" "$files/DEBIAN/control"
	if [[ ${2-} ]]; then
		mv "$files/usr/sbin/crmgate" "$files/usr/sbin/crmgate.real"
		install -m 755 "$2" "$files/usr/sbin/crmgate"
	fi
	dpkg-deb --root-owner-group -b "$files" "$LAB_DIR/$1.deb"
}

repack_all() {
	printf '%s\n' '#!/bin/sh' '[ "$1" != attach ] || exit 1' 'exec crmgate.real "$@"' >"$LAB_DIR/no-attach"
	repack 1
	repack 2
	repack 3 "$LAB_DIR/no-attach"
	repack 4
	repack 5 "$BUILD/tests/upgrade/next/crmgate"
}

# install_package VERSION: what dpkg and the scripts say is in $LAB_DIR/said, too.
install_package() {
	inside dpkg -i "/lab/$1.deb" 2>&1 | tee "$LAB_DIR/said"
	return "${PIPESTATUS[0]}"
}

version() { inside dpkg-query -W -f '${db:Status-Status} ${Version}' crmgate || :; } 2>/dev/null
program() { ip -n "$LAB-host" -j link show "$1" | jq '.[0].xdp.prog.id'; }
service() { inside systemctl is-active crmgate.service || :; }
enforced() { crmgate status --check -q; }

# processes of the service: USER, capabilities in force.
processes() {
	inside sh -c 'for pid in $(cat /sys/fs/cgroup/system.slice/crmgate.service/cgroup.procs); do
		echo $(ps -o user= -p "$pid") $(sed -n "s/^CapEff:\t0*//p" "/proc/$pid/status"); done' | sort
}
healthy() { in_host curl -sf --max-time 2 http://127.0.0.1:9750/healthz >/dev/null; }

# ----------------------------------------------------------------------- tests

installs() {
	install_package 1
	expect dpkg "$(version)" == 'installed 1'
	expect version "crmgate $(dpkg-deb -f "$BUILD"/deb/crmgate_*.deb Version)" == "$(crmgate version)"
	expect state "$(inside stat -c '%a %U %G' /var/lib/crmgate)" == '750 root crmgate'
	inside getent passwd crmgate | grep ':/usr/sbin/nologin$'
	expect conffiles "$(inside dpkg-query -W -f '${Conffiles}' crmgate | awk 'NF { print $1 }' | sort | xargs)" \
		== '/etc/crmgate/policy.yaml /etc/default/crmgate'
	expect_json "$(crmgate check -j /etc/crmgate/policy.yaml)" '.policies == []'
	expect enabled "$(inside systemctl is-enabled crmgate.service || :)" == disabled
	expect service "$(service)" == inactive
	expect attached "$(find "$GUEST_PINS")" == ''
}

is_enabled() {
	sed -i 's/^INTERFACES=.*/INTERFACES="crm0 crm1"/' "$GUEST_ROOT/etc/default/crmgate"
	install -m 644 "$LAB_DIR/limits.yaml" "$GUEST_ROOT/etc/crmgate/policy.yaml"
	inside systemctl enable crmgate.service
}

# The manager has three capabilities (NET_ADMIN, PERFMON, BPF), the exporter none.
boots() {
	lab_until is active service
	lab_until healthy
	lab_until enforced
	expect processes "$(processes | xargs)" == 'crmgate root c000001000'
	expect 'the audit log' "$(inside stat -c '%a %U %G' /var/lib/crmgate/default/audit.log)" == '640 root crmgate'
}

# Confined as it is, the manager can put back what goes missing.
manages() {
	local program before
	program=$(program crm1)
	before=$(pins)
	rm -r "$GUEST_PINS/default"
	lab_until is "$before" pins
	lab_until enforced
	expect program "$(program crm1)" == "$program"
}
pins() { find "$GUEST_PINS" -printf '%M %g %P\n' | sort; }

# To stop it detaches nothing, to start it again changes nothing.
stops() {
	local program
	program=$(program crm1)
	flood public --src "$LAB_BAD" --dst "$LAB_SINK" --count 2000
	inside systemctl stop crmgate.service
	flood public --src "$LAB_BAD" --dst "$LAB_SINK" --count 2000
	expect dropped "$(policy_value public dropped_packets)" -ge 3500
	inside systemctl start crmgate.service
	lab_until healthy
	expect program "$(program crm1)" == "$program"
}

# B18: before the network is online, though the policy's file is broken by now.
is_saved() {
	crmgate ban 192.0.2.50 --for 1h -q
	lab_until grep -q 192.0.2.50 "$GUEST_ROOT/var/lib/crmgate/default/bans.json"
	echo 'version: [' >"$GUEST_ROOT/etc/crmgate/policy.yaml"
}
comes_back() {
	lab_until is active service
	lab_until healthy
	lab_until enforced
	install -m 644 "$LAB_DIR/limits.yaml" "$GUEST_ROOT/etc/crmgate/policy.yaml"
	expect generation "$(crmgate status -j | jq .policy.generation)" == 1
	expect_json "$(crmgate bans -j)" '[.bans[].prefix] == ["192.0.2.50"]'
	flood public --src "$LAB_BAD" --dst "$LAB_SINK" --count 2000
	expect dropped "$(policy_value public dropped_packets)" -ge 1900
	crmgate unban 192.0.2.50 -q
}

# upgrade_during_flood VERSION: every packet that comes meanwhile is judged.
upgrade_during_flood() {
	local before
	before=$(judged public)
	during install_package "$1" -- --src "$LAB_BAD" --dst "$LAB_SINK" --rate 20000
	lab_until is $((before + $(jq .arrived <<<"$sent"))) judged public
	expect dpkg "$(version)" == "installed $1"
	expect service "$(service)" == active
	expect generation "$(crmgate status -j | jq .policy.generation)" == 1
	lab_until enforced
}

upgrade_keeps_enforcing() {
	local program
	crmgate ban 203.0.113.7 -q
	program=$(program crm1)
	upgrade_during_flood 2
	expect program "$(program crm1)" != "$program"
	cmp "$LAB_DIR/limits.yaml" "$GUEST_ROOT/etc/crmgate/policy.yaml"
}

# Where the newer program is not taken, the older goes on, and the package is installed.
upgrade_refused() {
	local program
	program=$(program crm1)
	upgrade_during_flood 3
	grep 'instance default goes on with the programs of version 2' "$LAB_DIR/said"
	expect program "$(program crm1)" == "$program"
	install_package 4
	expect program "$(program crm1)" != "$program"
}

# Who cannot detach must not be left without the program.
remove_refused() {
	exec {lock}<>"$GUEST_ROOT/run/crmgate/default.lock"
	flock -x "$lock"
	expect_exit 1 inside dpkg -r crmgate
	flock -u "$lock"
	expect dpkg "$(version)" == 'installed 4'
	expect service "$(service)" == active
	enforced
}

# Of every instance; what was learned stays for the next installation.
remove_detaches() {
	crmgate detach crm0 -q
	crmgate attach crm0 --instance other --policy /lab/limits.yaml -q
	inside dpkg -r crmgate
	expect programs "$(program crm0) $(program crm1)" == 'null null'
	expect tc "$(in_host bpftool -j net show | jq '[.[].tc[]] | length')" == 0
	expect service "$(service)" == inactive
	[[ ! -e $GUEST_ROOT/usr/sbin/crmgate && -d $GUEST_PINS/default && -d $GUEST_PINS/other ]]
	install_package 4
	crmgate attach crm1 -q
	expect_json "$(crmgate bans -j)" '.bans | length == 1'
}

# A build with other tables takes over what there is no link of: filters in a clsact qdisc.
upgrade_takes_filters_over() {
	local before
	crmgate detach --all -q
	crmgate attach crm0 crm1 --mode tc --tc clsact -q
	before=$(filters)
	expect 'filters' "$(wc -w <<<"$before")" == 4
	install_package 5
	expect 'folders' "$(cd "$GUEST_PINS/default" && echo v*)" == "v$(("$(abi)" + 1))"
	expect 'programs of before' "$(comm -12 <(sort <<<"$before") <(filters | sort))" == ''
	expect 'filters' "$(filters | wc -w)" == 4
	enforced
}
filters() { in_host bpftool -j net show | jq '.[].tc[].id'; }

purge_cleans() {
	inside dpkg -P crmgate
	expect program "$(program crm1)" == null
	expect files "$(find "$GUEST_WRITTEN" "$GUEST_ROOT"/{run,sys/fs/bpf} -name '*crmgate*' ! -type c)" == ''
	expect dpkg "$(version)" == ''
}

policy limits >/dev/null <<-EOF
	version: 1
	capacity: {sources: 1024, flows: 1024}
	services: {api: {ports: [443]}}
	policies: [{name: public, service: api, clients: any, limits: {packets: {rate: 10/s}}}]
EOF
t 'make deb' build_deb
t 'lintian finds no error' lintian_is_clean
t 'the same package, as other versions' repack_all
t 'a bare Debian, and what the package depends on' \
	guest_make "$(dpkg-deb -f "$BUILD"/deb/crmgate_*.deb Depends)"
guest_boot || exit 1
t 'B21 install: a user, a policy that limits nothing, nothing attached, not started' installs
t 'the service is enabled' is_enabled
guest_halt
guest_boot || exit 1
t 'the service of a host that boots: confined, it attaches and serves' boots
t 'the service puts back what goes missing' manages
t 'the service stops, and what is in force goes on' stops
t 'what is in force is saved' is_saved
guest_halt
guest_boot || exit 1
t 'B18 what was in force is in force after a boot' comes_back
t 'B21 upgrade keeps enforcing, and the policy file' upgrade_keeps_enforcing
t 'B21 upgrade keeps enforcing when the newer program is refused' upgrade_refused
t 'B21 remove is refused while it cannot detach' remove_refused
t 'B21 remove detaches every instance, and keeps what was learned' remove_detaches
t 'B21 upgrade takes over filters of an older build, too' upgrade_takes_filters_over
t 'B21 purge leaves nothing but the user' purge_cleans
t_done
