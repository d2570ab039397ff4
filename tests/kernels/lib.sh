# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# lib.sh - runs tests on another kernel, to be sourced: a kernel of Debian, unpacked
# but never installed; an initramfs of the test programs and of this machine's
# commands; and qemu, which emulates two CPUs. The guest runs tests/run, and what that
# says becomes the TAP of the script that sourced this. x86-64 only.
set -uE

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
top=$(realpath "$here/../..")
BUILD=$(realpath "${BUILD:-$top/build}")
# A guest that hangs ends before tests/run gives up on the script that started it.
seconds=860

# What runs in the guest. Not here, as the CPU is emulated: what loads the programs again
# and again (a load takes the verifier seconds) and what measures against the clock.
programs=(build/tests/bpf/test_{packet,decide,egress} tests/kernels/attach.sh
	tests/netns/always.sh)
# What those call, and tests/run, tests/netns/lib.sh, tools/lab.sh and ./init.
commands=(awk base64 bash basename bpftool cat chmod cmp cp cpio curl diff dirname ethtool
	find flock grep gzip head id insmod ip jq kill ln mkdir mktemp mount nginx nsenter openssl ping
	realpath rm sed setpriv sort sysctl tail tc tee timeout true uname wc xdp-loader)
modules=(veth sch_ingress cls_bpf)

# Ends a script that could not even start, as TAP.
die() {
	printf 'not ok 1 - %s\n1..1\n' "$*"
	exit 1
}

# fetch VERSION: unpacks the newest package of that kernel that apt has; in $kernel.
fetch() {
	local package new=$work/kernel
	package=$(apt-cache pkgnames "linux-image-$1." | grep -- '-cloud-amd64$' | sort -V | tail -n1)
	[[ $package ]] || die "apt offers no kernel $1; it needs Debian 12 for amd64 and: apt-get update"
	kernel=$BUILD/kernels/$package
	[[ ! -e $kernel ]] || return 0
	mkdir -p "$new" "$BUILD/kernels"
	(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package") ||
		die "cannot download $package; try: apt-get update"
	dpkg-deb -x "$work/$package"_*.deb "$new" || die "cannot unpack $package"
	# As the last step, so that a kernel that is there is whole.
	mv "$new" "$kernel"
}

# libraries FILE...: what the loader needs for them.
libraries() { ldd "$@" | grep -o '[[:space:]]/[^ :]* (' | tr -d '\t (' | sort -u; }

# make_root ROOT: the guest's files. As /crmgate the part of this tree that it runs.
make_root() {
	local root=$1 name paths=() built needed
	mkdir -p "$root"/{crmgate/build,dev,etc,modules,proc,run,sys,tmp,usr/{bin,sbin,lib,lib64},var/lib}
	ln -st "$root" usr/{bin,sbin,lib,lib64}
	for name in "${commands[@]}"; do
		paths+=("$(type -P "$name")") || die "$name is missing; try: tools/deps kernels"
	done
	cd "$BUILD" || return
	mapfile -t built < <(find crmgate tools tests/bpf tests/lib/failbpf.so -type f \
		\( -executable -o -name '*.bpf.o' \))
	mapfile -t needed < <(libraries "${paths[@]}" "${built[@]}" 2>/dev/null)
	cp --parents -t "$root/crmgate/build" "${built[@]}"
	cp --parents -rLt "$root" "${paths[@]}" "${needed[@]}" /usr/lib/ssl/openssl.cnf \
		/usr/lib/locale/C.utf8
	cp --parents -Lt "$root" /usr/lib/*/bpf/xdp-dispatcher.o
	cp -rt "$root/crmgate" "$top/tests" "$top/tools" "$top/packaging"
	cp "$here/init" "$root"
	printf '%s:x:%d:%d::/:/bin/false\n' root 0 0 nobody 65534 65534 >"$root/etc/passwd"
	printf '%s:x:%d:\n' root 0 nogroup 65534 >"$root/etc/group"
	for name in "${modules[@]}"; do
		find "$kernel/lib/modules" -name "$name.ko*" -exec cp -t "$root/modules" {} +
	done
}

# boot PROGRAM...: prints what the guest says; the kernel's own words are in $console. RCU is
# told to hurry: each test run of XDP waits for it. Whether timers tick is not tried at boot:
# beside a busy host the emulated one comes too late, and the kernel would give up.
boot() {
	timeout --foreground -k 5 "$seconds" qemu-system-x86_64 -nodefaults -no-user-config -no-reboot \
		-display none -accel tcg,thread=multi -cpu max -smp 2 -m 2G \
		-kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initramfs" \
		-append "console=ttyS0 quiet panic=-1 rcupdate.rcu_expedited=1 no_timer_check -- $*" \
		-serial "file:$console" -serial stdio </dev/null
}

# What tests/run says in the guest, as one TAP stream: each test named by its program.
to_tap() {
	local line program='' count=0 failed=0 verdict summary=''
	while IFS= read -r line; do
		line=${line%$'\r'}
		case $line in
		'== result '*) ;;
		'== '*) program=${line#== } ;;
		'ok '* | 'not ok '*)
			[[ $line =~ ^(not )?ok\ [0-9]*(\ - )?(.*) ]]
			verdict=${BASH_REMATCH[1]}ok
			[[ $verdict == ok ]] || ((failed++))
			echo "$verdict $((++count)) - $program: ${BASH_REMATCH[3]}" ;;
		1..*) ;;
		*' passed, '*' failed, '*' skipped') summary=$line ;;
		*) echo "# ${line#\# }" ;;
		esac
	done
	# A program that was killed, or a guest that was, leaves no "not ok" by itself.
	if [[ ! $summary ]]; then
		echo "not ok $((++count)) - the guest ran to its end"
		tail -n 20 "$console" | sed 's/^/# /'
	elif ((failed == 0)) && [[ $summary != *' 0 failed, '* ]]; then
		echo "not ok $((++count)) - the guest said: $summary"
	fi
	echo "1..$count"
}

# make_guest VERSION: its kernel and its files, in $work, which goes with this script.
make_guest() {
	console=$BUILD/kernels/console-$(basename "$0" .sh).log
	work=$(mktemp -d /tmp/crmgate-kernel.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	((!EUID)) || die "needs root: the test programs are root's"
	fetch "$1"
	(make_root "$work/root") || exit 1
	(cd "$work/root" && find . | cpio --quiet -oH newc) >"$work/initramfs"
}

# kernel_test VERSION PROGRAM...: the whole; its result is the script's.
kernel_test() {
	make_guest "$1"
	boot "${@:2}" | to_tap | tee "$work/tap"
	! grep -q '^not ok' "$work/tap"
}

# The first boot, and one more that has of it what it kept: another archive behind the first.
boot_twice() {
	boot "$@" | tr -d '\r' >"$work/said"
	grep -v '^kept ' "$work/said"
	grep '^kept ' "$work/said" | cut -d ' ' -f 2 | base64 -d | gunzip >>"$work/initramfs"
	boot "$@"
}

# kernel_reboot VERSION PROGRAM...: the same over a reboot.
kernel_reboot() {
	make_guest "$1"
	((seconds /= 2))
	boot_twice "${@:2}" | to_tap | tee "$work/tap"
	! grep -q '^not ok' "$work/tap"
}
