#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# package.sh - builds the Debian package, and installs, upgrades, removes and purges it in
# a chroot of its own: an overlay on a debootstrap folder (made once, build/root), with
# bpffs of its own and the network of the lab. Nothing of this machine is touched.
[[ ${PKG_INSIDE-} ]] || exec unshare --mount --pid --fork --kill-child --mount-proc \
	env PKG_INSIDE=1 bash "$0" "$@"
# In this mount namespace alone, so that the names of two runs do not meet.
mkdir -p /run/netns && mount -t tmpfs netns /run/netns && mount -t tmpfs layers /mnt || exit 1
cd "$(dirname "$0")/../.." || exit 1
. tests/netns/lib.sh

lab_up || exit 1
root=/mnt/root pins=/mnt/root/sys/fs/bpf/crmgate
inside() { in_host chroot "$root" "$@"; }
crmgate() { inside crmgate "$1" --instance "$LAB_INSTANCE" "${@:2}"; }

# ------------------------------------------------------------- the packages, the root

# Unit tests are a test of their own.
build_deb() { DEB_BUILD_OPTIONS=nocheck make --no-print-directory deb BUILD="$BUILD"; }

# repack VERSION [PROGRAM]: the package, called newer; with a script instead of the program.
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

# Debian as it is, and what the package depends on: made anew when that has changed.
make_base() {
	local base=$BUILD/root depends suite mirror
	depends=$(dpkg-deb -f "$BUILD"/deb/crmgate_*.deb Depends)
	[[ ! -e $base.depends || $(<"$base.depends") != "$depends" ]] || return 0
	rm -rf "$base" "$base.depends"
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' \
		"Codename: $suite" | head -n 1)
	debootstrap --variant=minbase "$suite" "$base" ${mirror:+"$mirror"}
	DEBIAN_FRONTEND=noninteractive chroot "$base" \
		apt-get satisfy -y -qq --no-install-recommends "$depends"
	echo "$depends" >"$base.depends"
}

mount_root() {
	mkdir /mnt/{upper,work,root}
	mount -t overlay -o "lowerdir=$BUILD/root,upperdir=/mnt/upper,workdir=/mnt/work" root "$root"
	mount -t proc proc "$root/proc"
	in_host mount -t sysfs sysfs "$root/sys"
	mount -t bpf -o mode=0700 bpf "$root/sys/fs/bpf"
	mount -t tmpfs run "$root/run"
	mkdir -p "$root$LAB_DIR"
	mount --bind "$LAB_DIR" "$root$LAB_DIR"
	policy limits >/dev/null <<-EOF
		version: 1
		capacity: {sources: 1024, flows: 1024}
		services: {api: {ports: [443]}}
		policies: [{name: public, service: api, clients: any, limits: {packets: {rate: 10/s}}}]
	EOF
}

# --------------------------------------------------------------------------- tests

version() { inside dpkg-query -W -f '${db:Status-Status} ${Version}' crmgate || :; } 2>/dev/null
program() { ip -n "$LAB-host" -j link show "$1" | jq '.[0].xdp.prog.id'; }

lintian_is_clean() { lintian --allow-root --fail-on error "$BUILD"/deb/*.changes; }

installs() {
	install_package 1
	expect dpkg "$(version)" == 'installed 1'
	expect version "crmgate $(dpkg-deb -f "$BUILD"/deb/crmgate_*.deb Version)" == "$(inside crmgate version)"
	expect state "$(inside stat -c '%a %U %G' /var/lib/crmgate)" == '750 root crmgate'
	inside getent passwd crmgate | grep ':/usr/sbin/nologin$'
	expect conffiles "$(inside dpkg-query -W -f '${Conffiles}' crmgate | awk 'NF { print $1 }' | sort | xargs)" \
		== '/etc/crmgate/policy.yaml /etc/default/crmgate'
	expect_json "$(inside crmgate check -j /etc/crmgate/policy.yaml)" '.policies == []'
	expect 'enabled' "$(find "$root/etc/systemd/system" -name 'crmgate*')" == ''
	expect 'attached' "$(find "$pins")" == ''
}

# install_package VERSION: what dpkg and the scripts say is in $LAB_DIR/said, too.
install_package() {
	inside dpkg -i "$LAB_DIR/$1.deb" 2>&1 | tee "$LAB_DIR/said"
	return "${PIPESTATUS[0]}"
}

# upgrade_during_flood VERSION: every packet that comes meanwhile is judged.
upgrade_during_flood() {
	local before
	before=$(judged public)
	during install_package "$1" -- --src "$LAB_BAD" --dst "$LAB_SINK" --rate 20000
	lab_until is $((before + $(jq .arrived <<<"$sent"))) judged public
	expect dpkg "$(version)" == "installed $1"
	expect generation "$(crmgate status -j | jq .policy.generation)" == 1
	expect dropped "$(policy_value public dropped_packets)" -gt 100
	crmgate status --check -q
}

upgrade_keeps_enforcing() {
	local program
	crmgate attach crm1 --policy "$LAB_DIR/limits.yaml" -q
	crmgate ban 203.0.113.7 -q
	echo '# mine' >>"$root/etc/crmgate/policy.yaml"
	program=$(program crm1)
	upgrade_during_flood 2
	expect 'the program' "$(program crm1)" != "$program"
	expect 'the policy file' "$(tail -n 1 "$root/etc/crmgate/policy.yaml")" == '# mine'
}

# Where the newer program is not taken, the older goes on, and the package is installed.
upgrade_refused() {
	local program
	program=$(program crm1)
	upgrade_during_flood 3
	grep "instance $LAB_INSTANCE goes on with the programs of version 2" "$LAB_DIR/said"
	expect 'the program' "$(program crm1)" == "$program"
	install_package 4
	expect 'the program' "$(program crm1)" != "$program"
}

# Who cannot detach must not be left without the program.
remove_refused() {
	exec {lock}<>"$root/run/crmgate/$LAB_INSTANCE.lock"
	flock -x "$lock"
	expect_exit 1 inside dpkg -r crmgate
	flock -u "$lock"
	expect dpkg "$(version)" == 'installed 4'
	crmgate status --check -q
}

# Of every instance; what was learned stays for the next installation.
remove_detaches() {
	inside crmgate attach crm0 --instance other --policy "$LAB_DIR/limits.yaml" -q
	inside dpkg -r crmgate
	expect program "$(program crm0) $(program crm1)" == 'null null'
	expect tc "$(in_host bpftool -j net show | jq '[.[].tc[]] | length')" == 0
	[[ ! -e $root/usr/sbin/crmgate && -d $pins/$LAB_INSTANCE && -d $pins/other ]]
	install_package 4
	crmgate attach crm1 -q
	expect_json "$(crmgate bans -j)" '.bans | length == 1'
}

purge_cleans() {
	inside dpkg -P crmgate
	expect program "$(program crm1)" == null
	expect files "$(find /mnt/upper "$root"/{run,sys/fs/bpf} -path "/mnt/upper$LAB_DIR" -prune -o \
		-name '*crmgate*' ! -type c -print)" == ''
	expect dpkg "$(version)" == ''
}

t 'make deb' build_deb
repack 1 >/dev/null && repack 2 >/dev/null && repack 4 >/dev/null && repack 3 <(
	printf '%s\n' '#!/bin/sh' '[ "$1" != attach ] || exit 1' 'exec crmgate.real "$@"') >/dev/null || exit 1
t 'lintian finds no error' lintian_is_clean
t 'a bare Debian, and what the package depends on' make_base
mount_root || exit 1
t 'B21 install: a user, a policy that limits nothing, nothing attached' installs
t 'B21 upgrade keeps enforcing, and the policy file' upgrade_keeps_enforcing
t 'B21 upgrade keeps enforcing when the newer program is refused' upgrade_refused
t 'B21 remove is refused while it cannot detach' remove_refused
t 'B21 remove detaches every instance, and keeps what was learned' remove_detaches
t 'B21 purge leaves nothing but the user' purge_cleans
t_done
