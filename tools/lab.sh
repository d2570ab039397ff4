# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# lab.sh - a laboratory of network namespaces, to be sourced by a bash script:
#
#   good 203.0.113.10  int0 ───── crm0 ┐
#        2001:db8:7::10                │ host: the CRM 192.0.2.1, 2001:db8::1
#   bad  198.51.100.66 abu0 ───── crm1 ┘ (nginx: 443 TLS, 8080)
#        2001:db8:66::66
#
# `lab_up` makes it, and whatever ends the script removes it: only what this
# file made is touched, every name carries the process id. Needs root.

: "${CRMGATE:?path of the crmgate program}" "${LAB_TOOLS:?folder of flood and pass.bpf.o}"

LAB=crmgate-$$
LAB_INSTANCE=lab-$$
LAB_DIR=
LAB_PIDS=()
LAB_NGINX=

LAB_CRM=192.0.2.1 LAB_CRM6=2001:db8::1
# Routed to the host, but nobody has it: what passes is answered by nobody.
LAB_SINK=192.0.2.99
LAB_GOOD=203.0.113.10 LAB_GOOD6=2001:db8:7::10
LAB_BAD=198.51.100.66 LAB_BAD6=2001:db8:66::66
LAB_FAR=198.51.100.67
# MAC addresses of crm0 and crm1: where the frames of a flood must go.
LAB_MAC0=02:c0:00:00:00:00 LAB_MAC1=02:c0:00:00:00:01

# `nsenter`, since `ip netns exec` mounts another /sys, without bpffs.
in_host() { nsenter --net="/run/netns/$LAB-host" -- "$@"; }
in_good() { nsenter --net="/run/netns/$LAB-good" -- "$@"; }
in_far() { nsenter --net="/run/netns/$LAB-far" -- "$@"; }
in_bad() { nsenter --net="/run/netns/$LAB-bad" -- "$@"; }

# crmgate COMMAND ...: on the host of the lab, on this lab's instance.
crmgate() { in_host "$CRMGATE" "$1" --instance "$LAB_INSTANCE" "${@:2}"; }

# lab_spawn VARIABLE NAMESPACE COMMAND...: runs it in the background, its process
# id in VARIABLE; it ends with the lab.
lab_spawn() {
	local -n lab_pid=$1
	nsenter --net="/run/netns/$LAB-$2" -- "${@:3}" &
	lab_pid=$!
	LAB_PIDS+=("$!")
}

# lab_stop PID [SIGNAL]: ends a process started by lab_spawn and waits for it,
# whatever its status.
lab_stop() {
	kill "-${2:-TERM}" "$1" || :
	wait "$1" || :
} 2>/dev/null

# lab_until COMMAND...: tries it until it succeeds, for at most about 10 s.
lab_until() {
	local try
	for ((try = 0; try < 500; try++)); do
		! "$@" || return 0
		read -rt 0.02 <> <(:) || :
	done
	echo "gave up waiting for: $*" >&2
	return 1
}

lab_down() {
	local pid namespace
	trap - EXIT INT TERM HUP PIPE
	set +e
	for pid in "${LAB_PIDS[@]}"; do
		kill "$pid"
	done
	[[ ! -e /run/netns/$LAB-host ]] || crmgate detach --all --purge -q
	for namespace in host good bad far; do
		[[ ! -e /run/netns/$LAB-$namespace ]] || ip netns del "$LAB-$namespace"
	done
	rm -rf "/sys/fs/bpf/crmgate/$LAB_INSTANCE"{,-*} "/var/lib/crmgate/$LAB_INSTANCE"{,-*} "$LAB_DIR"
	rm -f "/run/crmgate/$LAB_INSTANCE"{.,-}*lock
	wait
} &>/dev/null

# lab_link NUMBER NAMESPACE NAME IPV4 IPV6: a veth pair crmNUMBER - NAME.
lab_link() {
	local number=$1 peer=$LAB-$2 name=$3 v4=$4 v6=$5
	# Two queues each way: frames of one source are judged on two CPUs at once.
	ip link add "crm$number" netns "$LAB-host" address "02:c0:00:00:00:0$number" \
		numtxqueues 2 numrxqueues 2 type veth peer name "$name" netns "$peer" \
		address "02:c0:00:00:01:0$number" numtxqueues 2 numrxqueues 2
	ip -n "$LAB-host" addr add "${v4%.*}.1/24" dev "crm$number"
	ip -n "$LAB-host" addr add "${v6%::*}::1/64" dev "crm$number" nodad
	ip -n "$LAB-host" link set "crm$number" up
	ip -n "$peer" addr add "$v4/24" dev "$name"
	ip -n "$peer" addr add "$v6/64" dev "$name" nodad
	ip -n "$peer" link set "$name" up
	ip -n "$peer" route add default via "${v4%.*}.1"
	ip -n "$peer" -6 route add default via "${v6%::*}::1"
}

# The lab without a server. The exit trap is set first: a lab half made goes too.
lab_up() {
	local namespace
	if ((EUID)); then
		echo "lab: needs root, for network namespaces and BPF" >&2
		return 1
	fi
	trap lab_down EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap 'exit 141' PIPE
	LAB_DIR=$(mktemp -d /tmp/crmgate-lab.XXXXXX)
	chmod 755 "$LAB_DIR"
	for namespace in host good bad; do
		ip netns add "$LAB-$namespace"
		ip -n "$LAB-$namespace" link set lo up
		# No router and no duplicate is looked for: counters stay still.
		nsenter --net="/run/netns/$LAB-$namespace" sysctl -qw \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
			net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.default.router_solicitations=0
	done
	in_host sysctl -qw net.ipv4.ip_forward=0
	ip -n "$LAB-host" addr add "$LAB_CRM/32" dev lo
	ip -n "$LAB-host" addr add "$LAB_CRM6/128" dev lo nodad
	lab_link 0 good int0 "$LAB_GOOD" "$LAB_GOOD6"
	lab_link 1 bad abu0 "$LAB_BAD" "$LAB_BAD6"
}

# lab_nginx [SERVERS]: nginx on the host, a small CRM API, with more servers if any (text
# of its configuration). It listens when this returns.
lab_nginx() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-subj /CN=crm.example -addext subjectAltName=DNS:crm.example \
		-keyout "$LAB_DIR/key.pem" -out "$LAB_DIR/cert.pem" 2>/dev/null
	head -c 2000000 /dev/zero >"$LAB_DIR/export.bin"
	echo 'alice:{PLAIN}secret' >"$LAB_DIR/passwords"
	cat >"$LAB_DIR/nginx.conf" <<-EOF
		user root;
		daemon off;
		worker_processes 1;
		pid $LAB_DIR/nginx.pid;
		error_log $LAB_DIR/error.log;
		events { worker_connections 4096; }
		http {
			access_log $LAB_DIR/access.log;
			client_body_temp_path $LAB_DIR/body;
			proxy_temp_path $LAB_DIR/proxy;
			fastcgi_temp_path $LAB_DIR/fastcgi;
			uwsgi_temp_path $LAB_DIR/uwsgi;
			scgi_temp_path $LAB_DIR/scgi;
			keepalive_requests 1000000;
			client_max_body_size 10m;
			server {
				listen 443 ssl backlog=4096;
				listen [::]:443 ssl backlog=4096;
				listen 8080 backlog=4096;
				listen [::]:8080 backlog=4096;
				ssl_certificate $LAB_DIR/cert.pem;
				ssl_certificate_key $LAB_DIR/key.pem;
				location /api/contacts {
					default_type application/json;
					return 200 '{"contacts":[{"id":1,"name":"A. Turing"},{"id":2,"name":"G. Hopper"}]}\n';
				}
				location /code/200 { return 200; }
				location /code/401 { return 401; }
				location /code/503 { return 503; }
				location /api/private {
					auth_basic crm;
					auth_basic_user_file $LAB_DIR/passwords;
					alias $LAB_DIR/passwords;
				}
				location /api/export { alias $LAB_DIR/export.bin; }
			}
			${1-}
		}
	EOF
	# The file with the process id is made when the sockets listen.
	lab_spawn LAB_NGINX host nginx -q -e "$LAB_DIR/error.log" -c "$LAB_DIR/nginx.conf"
	lab_until test -s "$LAB_DIR/nginx.pid"
}

# lab_curl NAMESPACE [CURL OPTION]... URL: as a client of https://crm.example.
lab_curl() {
	"in_$1" curl -sS --max-time 10 --cacert "$LAB_DIR/cert.pem" \
		--resolve "crm.example:443:$LAB_CRM" --resolve "crm.example:8080:$LAB_CRM" "${@:2}"
}

# lab_far SEED LOST HELD: one more client, far away: $LAB_FAR reaches the host by the abuser's
# link, over tools/lossy, whose process id is in $LAB_LOSSY. What that did is in $LAB_DIR/lossy
# once it was ended.
lab_far() {
	local link
	ip netns add "$LAB-far"
	ip -n "$LAB-far" link set lo up
	ip link add far0 netns "$LAB-far" type veth peer name mid0 netns "$LAB-bad"
	ip -n "$LAB-far" addr add "$LAB_FAR/24" dev far0
	for link in far/far0 bad/mid0 bad/abu0 host/crm1; do
		nsenter --net="/run/netns/$LAB-${link%/*}" ethtool -K "${link#*/}" tx off gro off >/dev/null
		ip -n "$LAB-${link%/*}" link set "${link#*/}" up
	done
	ip -n "$LAB-far" route add default via "${LAB_FAR%.*}.1"
	lab_spawn LAB_LOSSY bad "$LAB_TOOLS/lossy" mid0 abu0 "$@" >"$LAB_DIR/lossy"
	lab_until in_far ping -qc1 -W1 "$LAB_CRM" >/dev/null
}

# lab_flood OPTION...: tools/flood from the abuser to the CRM (or to another --dst,
# which is said later and holds); prints its JSON.
lab_flood() {
	in_bad "$LAB_TOOLS/flood" abu0 --mac "$LAB_MAC1" --src "$LAB_BAD" --dst "$LAB_CRM" "$@"
}

# Lets a program on the host's end send frames back from XDP: a veth delivers
# them only if the other end has a program too.
lab_pass() {
	ip -n "$LAB-bad" link set abu0 xdp obj "$LAB_TOOLS/pass.bpf.o" sec xdp
}
