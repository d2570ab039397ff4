#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# connections.sh - what is counted as open is what the kernel has sockets for: connections that
# are opened, closed by either side, reset by either side and abandoned, and at the end
# the server's own list of sockets.
. "$(dirname "$0")/lib.sh"

CONNECTIONS=${CONNECTIONS:-5000}

lab_up || exit 1

# The first byte says what the server does: k keeps, c closes, r resets. Beside it, of what
# the client does: C closes, R resets, A forgets its socket and tells nobody.
cat >"$LAB_DIR/server.py" <<'EOF'
import selectors, socket, struct
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 443))
s.listen(1024)
loop = selectors.DefaultSelector()
loop.register(s, selectors.EVENT_READ)
while True:
    for key, _ in loop.select():
        if key.fileobj is s:
            loop.register(s.accept()[0], selectors.EVENT_READ)
            continue
        c = key.fileobj
        try:
            what = c.recv(64)
        except OSError:
            what = b""
        if what == b"k":
            c.send(b"k")
            continue
        if what[:1] in (b"G", b"X", b"\r"):	# of a request that is on its way
            continue
        if what == b"r":
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        loop.unregister(c)
        c.close()
EOF
cat >"$LAB_DIR/client.py" <<'EOF'
import random, signal, socket, struct, sys
server, count, kept = sys.argv[1], int(sys.argv[2]), []
TCP_REPAIR = 19
random.seed(1)
def end(c, how):
    if how == "A":
        c.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    if how == "R":
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
for i in range(count):
    c = socket.create_connection((server, 443))
    how = "A" if i % 100 == 0 else random.choice("kkcrCR")
    c.send({"c": b"c", "r": b"r"}.get(how, b"k"))
    try:
        c.recv(1)
    except OSError:
        pass
    if how == "k":
        kept.append(c)
        if len(kept) > 100:
            end(kept.pop(random.randrange(100)), random.choice("CR"))
    else:
        end(c, how)
print("ended", flush=True)
signal.pause()
EOF

# Opens requests, goes on with them after more than 10 s, and ends them when it is told to.
cat >"$LAB_DIR/slow.py" <<'EOF'
import socket, sys, time
slow = [socket.create_connection((sys.argv[1], 443)) for i in range(int(sys.argv[2]))]
begun = time.monotonic()
def send(what):
    for c in slow:
        c.send(what)
send(b"GET / HTTP/1.1\r\n")
time.sleep(max(0, begun + 10.5 - time.monotonic()))
send(b"X: y\r\n")
print("late", flush=True)
sys.stdin.readline()
send(b"\r\n")
sys.stdin.readline()
EOF

# Connections of the client: as they are counted, and as the server has sockets for them.
counted() {
	crmgate top -j | jq --arg a "$LAB_BAD" \
		'[.sources[] | select(.address == $a) | .open_connections] | add // 0'
}
sockets() {
	in_host ss -Htn state established state close-wait state syn-recv "sport = :443" | wc -l
}
agree() { [[ $(counted) == $(sockets) ]]; }

listening() { in_host ss -Hltn 'sport = :443' | grep -q .; }

no_drift() {
	local server client pipe said
	attach "$(public 'limits: {open_connections: {max: 1000}, half_open: {max: 100}}')"
	lab_spawn server host python3 "$LAB_DIR/server.py"
	lab_until listening
	mkfifo "$LAB_DIR/pipe"
	exec {pipe}<>"$LAB_DIR/pipe"
	lab_spawn client bad python3 "$LAB_DIR/client.py" "$LAB_CRM" "$CONNECTIONS" >&"$pipe"
	read -rt 600 said <&"$pipe"
	expect 'said' "$said" == ended
	lab_until agree
	measured "$CONNECTIONS connections, $(sockets) open at the end, as counted"
	# Of those that were abandoned some are reset, by a segment that is sent again.
	expect 'sockets' "$(sockets)" -gt 110
	expect 'refused' "$(metric 'crmgate_drops_total{policy="public"}')" -eq 0
	lab_stop "$client"
	lab_until agree
	# Those that were abandoned are still the server's.
	expect 'left' "$(sockets)" -gt 10
	lab_stop "$server"
	lab_until is 0 counted
}

half_open() {
	crmgate why "$LAB_BAD" -j | jq '.services[].limits[] |
		select(.name == "half_open") | .max - .available'
}
too_many() { metric 'crmgate_drops_total{policy="public",reason="half_open"}'; }

# A few connections with requests that do not end: their source gets no more before they do, and
# another does.
slow() {
	local server client more typed pipe said
	attach "$(policy slow <<-EOP
		version: 1
		services: {api: {transport: tcp, ports: [443], protocol: http}}
		policies: [{name: public, service: api, clients: any, limits: {half_open: {max: 5}}}]
	EOP
	)" -q
	mkfifo "$LAB_DIR/typed" "$LAB_DIR/slow"
	exec {typed}<>"$LAB_DIR/typed" {pipe}<>"$LAB_DIR/slow"
	lab_spawn server host python3 "$LAB_DIR/server.py"
	lab_until listening
	lab_spawn client bad sh -c "exec python3 $LAB_DIR/slow.py $LAB_CRM 5 <$LAB_DIR/typed" \
		>&"$pipe"
	read -rt 60 said <&"$pipe"
	expect 'said' "$said" == late
	lab_until is 5 half_open
	lab_spawn more bad bash -c "exec 3<>/dev/tcp/$LAB_CRM/443"
	lab_until at_least 1 too_many
	in_good bash -c "exec 3<>/dev/tcp/$LAB_CRM/443"
	echo >&"$typed"
	lab_until is 0 half_open
	wait "$more"
	lab_stop "$client"
	lab_stop "$server"
}

# Caps are told wherever limits are.
told() {
	local more
	attach "$(public 'limits: {packets: {rate: 2k/s}, open_connections: {max: 1000}, half_open: {max: 20}}')"
	crmgate show limits | grep -q 'packets 2k/s (2k), open_connections max 1000, half_open max 20'
	expect_json "$(crmgate show limits -j)" '[.policies[0].limits[] | {name, max, rate}] == [
		{name: "packets", max: null, rate: "2k/s"},
		{name: "open_connections", max: 1000, rate: null}, {name: "half_open", max: 20, rate: null}]'
	crmgate why "$LAB_BAD" | grep -q 'open_connections max 1000, available 1000'
	expect_json "$(crmgate why "$LAB_BAD" -j)" \
		'.services[0].limits[] | select(.name == "half_open") | .max == 20 and .available == 20'
	expect 'crmgate_limit_max' "$(metric 'crmgate_limit_max{limit="half_open"}')" -eq 20
	more=$(public 'limits: {open_connections: {max: 2000}}' more)
	crmgate apply "$more" --dry-run >"$LAB_DIR/said"
	grep -q 'open_connections raised max 1000 -> max 2000' "$LAB_DIR/said"
	grep -q -- '- policy public of api: half_open max 20' "$LAB_DIR/said"
}

t 'caps are told wherever limits are' fresh told
t 'slow first requests are half open' fresh slow
t 'no drift: what is open is what the server has sockets for' fresh no_drift
t_done
