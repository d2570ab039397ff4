// SPDX-License-Identifier: GPL-2.0
/*
 * lossy.c - forwards frames between two interfaces as a bad path would: of what comes in by
 * the first some is lost, and some held back behind frames that come after it. The choice is
 * that of a seed. The other way nothing happens. On SIGTERM it says what it did, as JSON.
 *
 *   lossy FROM TO SEED LOST HELD		LOST, HELD: in thousand frames
 *
 * Segments must come in wire size, with their checksums: no offloads at either end.
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 2048
#define BEHIND    3	/* frames that overtake one that is held back, ... */
#define HELD_MS   5	/* ... unless none come for so long */
#define QUEUE     (8 << 20)	/* bytes, so that nothing else is lost */

struct held {
	uint8_t bytes[FRAME_MAX];
	size_t len;		/* 0: there is none */
	int behind;
};

static volatile sig_atomic_t ended;
static uint64_t passed, lost, held_back;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

/* xorshift64 (Marsaglia, 2003), in [0, 1000) */
static unsigned int draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned int)((*state >> 32) % 1000);
}

static int open_on(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq promiscuous = { .mr_type = PACKET_MR_PROMISC };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, size = QUEUE;

	at.sll_ifindex = promiscuous.mr_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !at.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "%s", name);
	return fd;
}

static void send_on(int fd, const uint8_t *bytes, size_t len)
{
	if (send(fd, bytes, len, 0) != (ssize_t)len)
		err(1, "send %zu bytes", len);
}

static void release(int fd, struct held *held)
{
	if (held->len)
		send_on(fd, held->bytes, held->len);
	held->len = 0;
}

/* A frame that goes the bad way. */
static void carry(int fd, const uint8_t *bytes, size_t len, struct held *held, uint64_t *state,
		  const unsigned int per_mille[2])
{
	unsigned int n = draw(state);

	if (n < per_mille[0]) {
		lost++;
		return;
	}
	if (n < per_mille[0] + per_mille[1] && !held->len) {
		memcpy(held->bytes, bytes, len);
		held->len = len;
		held->behind = BEHIND;
		held_back++;
		return;
	}
	send_on(fd, bytes, len);
	passed++;
	if (held->len && !--held->behind)
		release(fd, held);
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = end };	/* it interrupts */
	static struct held held;
	uint8_t bytes[FRAME_MAX];
	unsigned int per_mille[2];
	struct pollfd fds[2];
	uint64_t state;

	if (argc != 6)
		errx(2, "usage: lossy FROM TO SEED LOST HELD");
	for (int i = 0; i < 2; i++) {
		fds[i] = (struct pollfd){ .fd = open_on(argv[1 + i]), .events = POLLIN };
		per_mille[i] = (unsigned int)strtoul(argv[4 + i], NULL, 10);
	}
	state = strtoull(argv[3], NULL, 10) | 1;
	sigaction(SIGTERM, &action, NULL);
	while (!ended) {
		if (!poll(fds, 2, held.len ? HELD_MS : 1000))
			release(fds[1].fd, &held);
		for (int i = 0; i < 2; i++) {
			ssize_t len = fds[i].revents ? recv(fds[i].fd, bytes, sizeof(bytes),
							    MSG_DONTWAIT | MSG_TRUNC) : 0;

			if (len > (ssize_t)sizeof(bytes))
				errx(1, "a frame of %zd bytes: offloads are on", len);
			if (len <= 0)
				continue;
			if (i == 0)
				carry(fds[1].fd, bytes, (size_t)len, &held, &state, per_mille);
			else
				send_on(fds[0].fd, bytes, (size_t)len);
		}
	}
	printf("{\"passed\": %llu, \"lost\": %llu, \"held\": %llu}\n", (unsigned long long)passed,
	       (unsigned long long)lost, (unsigned long long)held_back);
	return 0;
}
