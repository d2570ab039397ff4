# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# guest.sh - a Debian that boots in the network of the lab, to be sourced by a script that has
# mount and process namespaces of its own: what it writes, mounts and pins goes with them.

mount -t tmpfs guest /mnt && mkdir /mnt/{upper,work,root,cgroup} || exit 1
GUEST_ROOT=/mnt/root GUEST_WRITTEN=/mnt/upper GUEST_PINS=/mnt/root/sys/fs/bpf/crmgate
GUEST_INIT=

# guest_make DEPENDS: $BUILD/root, a bare Debian with these packages; made anew when others
# are wanted.
guest_make() {
	local base=$BUILD/root suite mirror
	[[ ! -e $base.depends || $(<"$base.depends") != "$1" ]] || return 0
	rm -rf "$base" "$base.depends"
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' \
		"Codename: $suite" | head -n 1)
	debootstrap --variant=minbase --include=systemd,procps "$suite" "$base" ${mirror:+"$mirror"}
	DEBIAN_FRONTEND=noninteractive chroot "$base" \
		apt-get satisfy -y -qq --no-install-recommends "$1"
	echo "$1" >"$base.depends"
}

# Mounts what a boot finds: no file but those of the root is left from the boot before.
guest_mount() {
	mountpoint -q "$GUEST_ROOT" ||
		mount -t overlay -o "lowerdir=$BUILD/root,upperdir=/mnt/upper,workdir=/mnt/work" root "$GUEST_ROOT"
	in_host mount -t sysfs sysfs "$GUEST_ROOT/sys"
	mount -t bpf -o mode=0700 bpf "$GUEST_ROOT/sys/fs/bpf"
	mount -t tmpfs run "$GUEST_ROOT/run"
	mkdir -p "$GUEST_ROOT/lab"
	mount --bind "$LAB_DIR" "$GUEST_ROOT/lab"
}

# Returns when it has booted. Its control groups are below one of its own.
guest_boot() {
	guest_mount || return
	mountpoint -q /mnt/cgroup || mount -t cgroup2 cgroup /mnt/cgroup || return
	GUEST_GROUP=$(mktemp -d /mnt/cgroup/crmgate-test.XXXXXX) || return
	# shellcheck disable=SC2016 # for the inner shells
	nsenter --net="/run/netns/$LAB-host" sh -c 'echo 0 >"$1/cgroup.procs" && exec unshare --cgroup \
		--mount --pid --uts --ipc --fork --kill-child sh -c "
			mount -t proc proc $2/proc && mount -t cgroup2 cgroup $2/sys/fs/cgroup &&
			exec env -i PATH=$PATH container=lab SYSTEMD_PROC_CMDLINE=systemd.unit=multi-user.target \
				chroot $2 /lib/systemd/systemd"' - "$GUEST_GROUP" "$GUEST_ROOT" &>"$LAB_DIR/console" &
	GUEST_PARENT=$!
	lab_until guest_answers
	lab_until guest_booted || { cat "$LAB_DIR/console"; inside systemctl --no-pager list-jobs; return 1; }
}
guest_answers() { [[ -S $GUEST_ROOT/run/systemd/private ]] && GUEST_INIT=$(pgrep -P "$GUEST_PARENT"); }
guest_booted() { [[ $(inside systemctl is-system-running) =~ ^(running|degraded)$ ]]; }

guest_halt() {
	[[ $GUEST_INIT ]] || return 0
	kill -KILL "$GUEST_PARENT"
	wait "$GUEST_PARENT"
	GUEST_INIT=
	lab_until grep -q 'populated 0' "$GUEST_GROUP/cgroup.events"
	find "$GUEST_GROUP" -depth -type d -exec rmdir {} +
	umount -R "$GUEST_ROOT"/{lab,run,sys}
} 2>/dev/null

# inside COMMAND...: as root of the guest.
inside() { nsenter -t "$GUEST_INIT" -a -r -w "$@"; }
