// SPDX-License-Identifier: GPL-2.0
/*
 * flood.c - sends crafted TCP or UDP packets into a veth, as fast as it can or
 * paced. For tests only: it refuses a network namespace without a name and
 * any interface that is not a veth, and it always ends: by count, by time, or by SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "live.h"

#define BATCH       64
#define BATCHES_MORE 64
#define SECONDS_MAX 600
#define SECONDS_DEFAULT 60
#define COUNT_MAX   100000000ULL
#define NS          1000000000ULL

enum sending { THROUGH_SOCKET, LIVE_IN_TURN, LIVE_AT_RANDOM };

struct options {
	const char *iface;
	enum sending sending;
	struct ether_addr mac;
	struct frame_plan plan;
	uint64_t count;
	uint64_t duration_ns;
	uint64_t rate;		/* packets per second; 0: as fast as it goes */
};

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("flood: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

static void wait_until(uint64_t ns)
{
	const struct timespec ts = { (time_t)(ns / NS), (long)(ns % NS) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* --------------------------------------------------------------- interface */

/* True if this network namespace is one that `ip netns add` made. */
static bool in_named_namespace(void)
{
	struct stat own, named;
	glob_t names;
	bool found = false;

	if (stat("/proc/self/ns/net", &own) || glob("/run/netns/*", 0, NULL, &names))
		return false;
	for (size_t i = 0; i < names.gl_pathc; i++)
		found |= !stat(names.gl_pathv[i], &named) && named.st_ino == own.st_ino &&
			 named.st_dev == own.st_dev;
	globfree(&names);
	return found;
}

static void refuse_real_networks(const struct options *o, int fd)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };

	if (!in_named_namespace())
		die("run it in a network namespace made for a test (ip netns add)");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", o->iface);
	if (ioctl(fd, SIOCETHTOOL, &request) || strcmp(info.driver, "veth"))
		die("%s is not a veth", o->iface);
}

struct tx {
	uint64_t packets;
	uint64_t dropped;	/* could not be handed over */
};

/* From the statistics of the interface. */
static struct tx tx_of(const char *iface)
{
	FILE *f = fopen("/proc/net/dev", "re");
	const size_t len = strlen(iface);
	struct tx tx = { 0 };
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		const char *name = line + strspn(line, " ");

		/* Eight columns of what was received, then bytes packets errs drop. */
		if (!strncmp(name, iface, len) && name[len] == ':')
			sscanf(name + len + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64
			       " %*u %" SCNu64, &tx.packets, &tx.dropped);
	}
	if (f)
		fclose(f);
	return tx;
}

static int open_socket(const struct options *o, struct ether_addr *ret_own)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("packet socket: %s", strerror(errno));
	refuse_real_networks(o, fd);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", o->iface);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		die("%s: %s", o->iface, strerror(errno));
	memcpy(ret_own, request.ifr_hwaddr.sa_data, ETH_ALEN);

	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(o->iface),
	};
	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &(int){ 1 }, sizeof(int)))
		die("%s: %s", o->iface, strerror(errno));
	return fd;
}

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

/* Sends all of the batch; a packet that the veth refuses is sent and lost. */
static void send_batch(int fd, struct mmsghdr *messages, unsigned int count)
{
	for (unsigned int done = 0; done < count;) {
		int n = sendmmsg(fd, messages + done, count - done, 0);

		if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			die("send: %s", strerror(errno));
		if (n < 0 && errno == ENOBUFS)
			n = 1;
		if (n > 0)
			done += (unsigned int)n;
	}
}

static void write_ethernet(uint8_t *frame, const struct options *o, const struct ether_addr *own)
{
	const uint16_t type = htons(o->plan.family == AF_INET ? ETH_P_IP : ETH_P_IPV6);

	memcpy(frame, &o->mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, own, ETH_ALEN);
	memcpy(frame + 2 * ETH_ALEN, &type, sizeof(type));
}

struct outcome {
	uint64_t sent;
	uint64_t start, end;	/* CLOCK_MONOTONIC, ns */
	uint64_t begun;		/* by then the first was taken from the veth's queue ... */
	uint64_t taken;		/* ... and the last: that may wait for a busy CPU */
	uint64_t full;		/* until then all was sent that there was to send */
	uint64_t sending_ns;	/* of these, without what lies between two calls */
};

/* When so many were taken that were sent since `before`, or lost. Gives up after two seconds. */
static uint64_t when_taken(const char *iface, const struct tx *before, uint64_t sent)
{
	const uint64_t give_up = now_ns() + 2 * NS;
	uint64_t now;
	struct tx tx;

	do {
		tx = tx_of(iface);
		now = now_ns();
	} while (tx.packets + tx.dropped < before->packets + before->dropped + sent && now < give_up);
	return now;
}

/*
 * As fast as it goes, some batches more come at the end of the time: what a limit has gained while
 * this process had to wait for a CPU, right before the end, is asked for too.
 */
static struct outcome flood(const struct options *o, int fd, const struct ether_addr *own)
{
	static uint8_t frames[BATCH][FRAME_MAX];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH] = { 0 };
	/* Paced: a batch a millisecond, so that no burst is larger than that. */
	const uint64_t per_tick = o->rate ? (o->rate + 999) / 1000 : BATCH;
	const struct tx before = tx_of(o->iface);
	struct outcome out = { 0 };
	unsigned int more = o->rate ? 0 : BATCHES_MORE;

	for (size_t i = 0; i < BATCH; i++) {
		write_ethernet(frames[i], o, own);
		parts[i] = (struct iovec){ frames[i], o->plan.size };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	out.start = out.end = now_ns();
	while (out.sent < o->count) {
		uint64_t n = o->count - out.sent, now;

		if (n > per_tick)
			n = per_tick;
		if (n > BATCH)
			n = BATCH;
		if (o->rate)
			wait_until(out.start + (out.sent / o->rate) * NS +
				   out.sent % o->rate * NS / o->rate);
		for (uint64_t i = 0; i < n; i++)
			frame_write(frames[i], &o->plan, out.sent + i);
		now = now_ns();
		if (!stopped && now - out.start < o->duration_ns)
			out.full = now;
		else if (!more--)
			break;
		send_batch(fd, messages, (unsigned int)n);
		out.sent += n;
		if (!out.begun)
			out.begun = when_taken(o->iface, &before, out.sent);
		out.end = now_ns();
	}
	out.sending_ns = out.end - out.start;
	out.taken = when_taken(o->iface, &before, out.sent);
	return out;
}

static struct outcome flood_live(const struct options *o, const struct ether_addr *own)
{
	uint8_t frame[FRAME_MAX];
	struct outcome out = { 0 };
	struct live *live;
	int err;

	write_ethernet(frame, o, own);
	frame_write(frame, &o->plan, 0);
	err = live_open(&o->plan, frame, if_nametoindex(o->iface),
			o->sending == LIVE_AT_RANDOM, &live);
	if (err)
		die("live frames: %s", strerror(-err));
	out.start = out.end = now_ns();
	while (!stopped && out.sent < o->count && out.end - out.start < o->duration_ns) {
		const uint64_t left = o->count - out.sent;
		const unsigned int n = left < LIVE_CALL_MAX ? (unsigned int)left : LIVE_CALL_MAX;
		uint64_t ns;

		err = live_send(live, n, &ns);
		if (err)
			die("live frames: %s", strerror(-err));
		out.sent += n;
		out.sending_ns += ns;
		out.end = now_ns();
	}
	live_close(live);
	out.begun = out.start;
	out.taken = out.full = out.end;
	return out;
}

static void print(const struct options *o, const struct outcome *out, uint64_t lost)
{
	const uint64_t arrived = out->sent - lost;

	printf("{\"sent\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"arrived\":%" PRIu64
	       ",\"bytes\":%" PRIu64 ",\"seconds\":%.6f,\"from\":%.6f,\"begun\":%.6f"
	       ",\"to\":%.6f,\"taken\":%.6f}\n",
	       out->sent, lost, arrived, arrived * o->plan.size, (double)out->sending_ns / NS,
	       (double)out->start / NS, (double)out->begun / NS, (double)out->full / NS,
	       (double)out->taken / NS);
}

/* ----------------------------------------------------------------- options */

static uint64_t number(const char *name, const char *text, uint64_t max)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || end == text || text[0] == '-' || n < 1 || n > max)
		die("--%s: a number from 1 to %" PRIu64 ", not '%s'", name, max, text);
	return n;
}

static void address(struct options *o, const char *text, uint8_t *ret)
{
	const int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, ret) != 1)
		die("'%s' is not an address", text);
	if (o->plan.family && o->plan.family != family)
		die("the addresses are not of one family");
	o->plan.family = family;
}

static void kinds(struct frame_plan *plan, char *list)
{
	static const char *const names[FRAME_KINDS] = { "syn", "ack", "data", "udp" };
	const char *text;
	size_t i;

	plan->kinds = 0;
	while ((text = strsep(&list, ","))) {
		for (i = 0; i < FRAME_KINDS && strcmp(text, names[i]); i++)
			;
		if (i == FRAME_KINDS || plan->kinds == FRAME_KINDS)
			die("--kind: up to %d of syn, ack, data, udp, not '%s'", FRAME_KINDS, text);
		plan->kind[plan->kinds++] = (enum frame_kind)i;
	}
}

static void complete(struct options *o)
{
	const size_t min = o->plan.family == AF_INET ? FRAME_MIN : ETH_HLEN + 60;

	if (!o->plan.size)
		o->plan.size = min;
	if (o->plan.size < min)
		die("--size: at least %zu", min);
	if (o->sending == THROUGH_SOCKET)
		return;
	if (o->rate)
		die("--live cannot be paced: leave --rate out");
	if (o->plan.kinds > 1 || o->plan.random || o->plan.repeat > 1 || o->plan.known_every ||
	    o->plan.part != 8)
		die("--live has one kind, and sources in turn or random: leave the rest out");
}

static enum sending live_order_of(const char *text)
{
	if (!strcmp(text, "turn"))
		return LIVE_IN_TURN;
	if (!strcmp(text, "random"))
		return LIVE_AT_RANDOM;
	die("--live: turn or random, not '%s'", text);
}

static void usage(FILE *out)
{
	fputs("usage: flood IFACE --mac MAC --src ADDRESS --dst ADDRESS [OPTION]...\n"
	      "  --port N      destination port (443)\n"
	      "  --kind LIST   in turn: syn (default), ack, data, udp\n"
	      "  --sources N   addresses from --src on, in turn (1); IPv6: a /64 each\n"
	      "  --hosts       IPv6: addresses of one /64 instead\n"
	      "  --random      of these one by chance for each packet, the same in each run\n"
	      "  --repeat N    packets of a source in a row (1)\n"
	      "  --known ADDRESS --known-every N [--knowns N]\n"
	      "                every N-th packet is from one of these addresses (1), in turn\n"
	      "  --size N      bytes of a frame, 60 to 1514 (60; IPv6 74)\n"
	      "  --rate N      packets per second (as fast as it goes)\n"
	      "  --count N     ends after N packets\n"
	      "  --seconds N   ends after N seconds (60)\n"
	      "  --live ORDER  live frames of XDP, up to 524288 a call, sources in ORDER: turn\n"
	      "                or random. Much faster; the other end needs an XDP program or GRO\n"
	      "Prints as JSON what was sent, what the veth lost, and when (CLOCK_MONOTONIC):\n"
	      "from \"from\" until \"to\" at least it was sent, by \"begun\" the first was taken\n"
	      "from the veth, by \"taken\" the last.\n"
	      "\"seconds\" is the time spent sending: of live frames without that between calls.\n",
	      out);
}

enum { OPT_KNOWN = 256, OPT_KNOWNS, OPT_KNOWN_EVERY };

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "mac", 1, NULL, 'm' }, { "src", 1, NULL, 's' }, { "dst", 1, NULL, 'd' },
		{ "port", 1, NULL, 'p' }, { "kind", 1, NULL, 'k' }, { "sources", 1, NULL, 'n' },
		{ "size", 1, NULL, 'z' }, { "rate", 1, NULL, 'r' }, { "count", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 't' }, { "live", 1, NULL, 'l' }, { "hosts", 0, NULL, 'H' },
		{ "random", 0, NULL, 'R' }, { "repeat", 1, NULL, 'N' },
		{ "known", 1, NULL, OPT_KNOWN }, { "knowns", 1, NULL, OPT_KNOWNS },
		{ "known-every", 1, NULL, OPT_KNOWN_EVERY },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	bool have_mac = false, have_src = false, have_dst = false;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'm': have_mac = ether_aton_r(optarg, &o->mac); break;
		case 's': address(o, optarg, o->plan.src); have_src = true; break;
		case 'd': address(o, optarg, o->plan.dst); have_dst = true; break;
		case 'p': o->plan.port = (uint16_t)number("port", optarg, 65535); break;
		case 'k': kinds(&o->plan, optarg); break;
		case 'n': o->plan.sources = number("sources", optarg, 1u << 24); break;
		case 'H': o->plan.part = 16; break;
		case 'R': o->plan.random = true; break;
		case 'N': o->plan.repeat = number("repeat", optarg, 1000000); break;
		case OPT_KNOWN: address(o, optarg, o->plan.known); break;
		case OPT_KNOWNS: o->plan.knowns = number("knowns", optarg, 1u << 24); break;
		case OPT_KNOWN_EVERY:
			o->plan.known_every = number("known-every", optarg, COUNT_MAX);
			break;
		case 'z': o->plan.size = number("size", optarg, FRAME_MAX); break;
		case 'r': o->rate = number("rate", optarg, 64000); break;
		case 'c': o->count = number("count", optarg, COUNT_MAX); break;
		case 't': o->duration_ns = number("seconds", optarg, SECONDS_MAX) * NS; break;
		case 'l': o->sending = live_order_of(optarg); break;
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(2);
		}
	}
	if (optind + 1 != argc || !have_mac || !have_src || !have_dst) {
		usage(stderr);
		exit(2);
	}
	o->iface = argv[optind];
	complete(o);
}

int main(int argc, char **argv)
{
	struct options o = {
		.plan = { .port = 443, .kinds = 1, .sources = 1, .repeat = 1, .part = 8, .knowns = 1 },
		.count = COUNT_MAX, .duration_ns = SECONDS_DEFAULT * NS,
	};
	struct ether_addr own;
	struct outcome out;
	struct tx before, after;
	int fd;

	parse(argc, argv, &o);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	fd = open_socket(&o, &own);
	before = tx_of(o.iface);
	out = o.sending == THROUGH_SOCKET ? flood(&o, fd, &own) : flood_live(&o, &own);
	after = tx_of(o.iface);
	if (o.sending != THROUGH_SOCKET && after.packets == before.packets)
		die("nothing arrived: the other end of %s needs an XDP program or GRO", o.iface);
	print(&o, &out, after.dropped - before.dropped);
	close(fd);
	return 0;
}
