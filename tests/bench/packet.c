// SPDX-License-Identifier: GPL-2.0
/*
 * packet.c - what a packet costs, in ns above the floor:
 *
 *   packet [--sources N] [--rounds N] [--packets N] [--in-turn] [--warm N] IFACE ROW...
 *
 * Prints JSON. Rows are measured by turns, so that what else happens on the
 * machine hits all alike. They expect the policy of packet.sh to be in force.
 */
#include <getopt.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "../../user/base/util.h"
#include "driver.h"
#include "feed.h"
#include "speech.h"

#define SERVER4  CRMG_TEST_V4(192, 0, 2, 1)
#define SERVER6  CRMG_TEST_V6(0x20010db800010000, 1)
#define PEER4    CRMG_TEST_V4(10, 0, 0, 0)
#define PEER6    CRMG_TEST_V6(0x2001067c00000000, 7)

#define BASE_ANY    0x0a000000	/* 10.0.0.0, of nobody */
#define BASE_DENIED 0xac100000	/* 172.16.0.0, and as many as a /12 has */
#define BASE_BANNED 0xc6120000	/* 198.18.0.0, a /15 */

#define PORT_SERVICE 443
#define PORT_LIMITED 8001	/* a packet a week */
#define PORT_RESET   8002	/* the same, answered with a RST */
#define PORT_BUDGETS 8003	/* four budgets of what is sent */
#define PORT_CAPPED  8004	/* connections are known */
#define PORT_WIDE    8005	/* four budgets of a source, four of its wider prefix */
#define PORT_TOTAL   8006	/* four of a source, four of all of the policy */
#define PORT_HTTP    8007	/* of PORT_CAPPED, and requests are counted */
#define PORT_TLS     8008	/* the same */
#define PORT_OTHER   22		/* for no service */

#define ROUNDS_MAX   100
#define FLOOD_WARM   16		/* packets for each entry of a table */
#define ANY_ACTION   UINT32_MAX
#define RESETS_BURST 100	/* RST at once; the next after as many ms */
#define RESETS_MS    100

struct options {
	const char *iface;
	uint32_t sources;
	unsigned int rounds;
	unsigned int warm;	/* turns over all sources before the measurement */
	uint64_t packets;	/* a measurement */
	bool in_turn;
};

struct row;
typedef void warm_fn(struct bench_driver *driver, const struct row *row,
		     const struct options *options);

struct row {
	const char *name;
	enum bench_target target;
	enum bench_hook hook;
	uint32_t base;
	uint32_t action;		/* of every packet */
	warm_fn *warm;
	bool reset;
	struct crmg_test_packet packet;
	struct speech speech;		/* segments of one connection, ... */
	uint32_t *next;			/* ... and where the next one begins */
};

struct sample { double ns, floor_ns; };

/* ------------------------------------------------------------------ streams */

static struct bench_stream stream_of(const struct row *row, const struct options *options)
{
	return (struct bench_stream) {
		.packet = row->packet, .hook = row->hook, .base = row->base,
		.sources = options->sources, .in_turn = options->in_turn, .whole = row->reset,
	};
}

/* Every source sends a few packets, so that it has its state when it is measured. */
static void warm_known(struct bench_driver *driver, const struct row *row,
		       const struct options *options)
{
	struct bench_stream stream = stream_of(row, options);

	stream.in_turn = true;
	bench_driver_aim(driver, row->hook, row->target);
	for (unsigned int turn = 0; turn < options->warm; turn++)
		bench_run(driver, &stream, 0, options->sources);
}

/* What leaves is counted for a source that sent something. */
static void warm_asked(struct bench_driver *driver, const struct row *row,
		       const struct options *options)
{
	struct row arriving = *row;

	arriving.hook = BENCH_XDP;
	arriving.packet.src = PEER4;
	arriving.packet.dst = SERVER4;
	arriving.packet.sport = 40000;
	arriving.packet.dport = row->packet.sport;
	warm_known(driver, &arriving, options);
	warm_known(driver, row, options);
}

/* Only who acknowledges what was sent to it is proven, and answered with a RST. */
static void warm_proven(struct bench_driver *driver, const struct row *row,
			const struct options *options)
{
	struct row leaving = *row, arriving = *row;

	leaving.hook = BENCH_TC;
	leaving.packet = (struct crmg_test_packet) {
		.src = SERVER4, .dst = PEER4, .protocol = IPPROTO_TCP,
		.sport = row->packet.dport, .dport = row->packet.sport,
		.seq = 1000, .tcp_flags = CRMG_TEST_ACK, .payload = 10,
	};
	arriving.packet.tcp_flags = CRMG_TEST_ACK;
	arriving.packet.ack = leaving.packet.seq + leaving.packet.payload;
	warm_known(driver, &leaving, options);
	warm_known(driver, &arriving, options);
}

/* The server has all that the client said. */
static void acknowledge(struct bench_driver *driver, const struct row *row)
{
	const struct bench_stream stream = {
		.packet = {
			.src = SERVER4, .dst = PEER4, .protocol = IPPROTO_TCP,
			.sport = row->packet.dport, .dport = row->packet.sport, .payload = 10,
			.seq = SPEECH_REPLY - 10, .ack = *row->next, .tcp_flags = CRMG_TEST_ACK,
		},
		.hook = BENCH_TC, .base = row->base, .sources = 1,
	};

	bench_driver_aim(driver, BENCH_TC, BENCH_CRMGATE);
	bench_run(driver, &stream, 0, 1);
}

/* One segment of a row of `speech`, at its place. */
static struct bench_stream segment_of(const struct row *row, const uint8_t *text, uint32_t bytes)
{
	struct bench_stream stream = {
		.packet = row->packet, .hook = BENCH_XDP, .base = row->base, .sources = 1,
		.text = text,
	};

	stream.packet.payload = bytes;
	stream.packet.seq = *row->next;
	stream.packet.ack = SPEECH_REPLY;
	return stream;
}

/* A connection that is met in its middle, so that of TLS the handshake is over. */
static void warm_speech(struct bench_driver *driver, const struct row *row,
			const struct options *options)
{
	uint8_t text[SPEECH_MAX];
	uint32_t bytes = speech_begin(&row->speech, text);
	struct bench_stream stream;

	(void)options;
	*row->next = SPEECH_FIRST;
	acknowledge(driver, row);
	if (!bytes)
		return;
	stream = segment_of(row, text, bytes);
	bench_driver_aim(driver, BENCH_XDP, BENCH_CRMGATE);
	bench_run(driver, &stream, 0, 1);
	*row->next += bytes;
}

/* Sources that nobody knows: the tables fill up as they do in a flood. */
static void warm_flood(struct bench_driver *driver, const struct row *row,
		       const struct options *options)
{
	struct bench_stream stream = stream_of(row, options);

	bench_driver_aim(driver, row->hook, row->target);
	bench_run(driver, &stream, 0, FLOOD_WARM * (uint64_t)BENCH_TABLE);
}

/* --------------------------------------------------------------------- rows */

#include "rows.h"

static const struct row *row_named(const char *name)
{
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	bench_die("there is no row '%s'", name);
}

/* ------------------------------------------------------------------ measure */

/* Resets are limited for the whole host: wait until it may send a burst again. */
static void wait_for_resets(void)
{
	const struct timespec pause = { 0, RESETS_MS * 1000000 };

	nanosleep(&pause, NULL);
}

static void expect_action(const struct row *row, uint32_t is, uint32_t expected)
{
	if (expected != ANY_ACTION && is != expected)
		bench_die("row '%s': verdict %u, expected %u; is the policy of packet.sh in force?",
			  row->name, is, expected);
}

/* The client goes on, as far as it may until the server acknowledges. */
static double measure_speech(struct bench_driver *driver, const struct row *row,
			     const struct options *options, enum bench_target target,
			     uint32_t action)
{
	uint64_t count = SPEECH_AHEAD / row->speech.bytes;
	struct bench_stream stream;
	struct bench_result result;
	uint8_t text[SPEECH_MAX];

	if (count > options->packets)
		count = options->packets;
	speech_text(&row->speech, text);
	stream = segment_of(row, text, row->speech.bytes);
	if (row->speech.kind != SPEECH_RECORD) {
		stream.step = row->speech.bytes;
		stream.base = *row->next;
	}
	acknowledge(driver, row);
	bench_driver_aim(driver, BENCH_XDP, target);
	result = bench_run(driver, &stream, count / 10, count - count / 10);
	expect_action(row, result.action, action);
	if (target == BENCH_CRMGATE)
		*row->next += (uint32_t)count * stream.step;
	return result.ns;
}

static double measure_target(struct bench_driver *driver, const struct row *row,
			     const struct options *options, enum bench_target target,
			     uint32_t action)
{
	struct bench_stream stream = stream_of(row, options);
	uint64_t skip = options->in_turn ? 0 : options->packets / 2;
	uint64_t count = options->packets;
	struct bench_result result;

	if (row->speech.kind)
		return measure_speech(driver, row, options, target, action);
	if (row->reset) {
		skip = RESETS_BURST / 5;
		count = RESETS_BURST - skip;
		wait_for_resets();
	}
	bench_driver_aim(driver, row->hook, target);
	result = bench_run(driver, &stream, skip, count);
	expect_action(row, result.action, action);
	return result.ns;
}

static struct sample measure(struct bench_driver *driver, const struct row *row,
			     const struct options *options)
{
	return (struct sample) {
		.floor_ns = measure_target(driver, row, options, BENCH_FLOOR, ANY_ACTION),
		.ns = measure_target(driver, row, options, row->target, row->action),
	};
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * The quickest round is what it costs, the median shows how far others were off. Each
 * round is listed too: two rows of one round met the same noise and can be compared.
 */
static json_t *summary(const char *name, const struct sample *samples, unsigned int rounds)
{
	double ns[ROUNDS_MAX], floor_ns[ROUNDS_MAX];
	json_t *costs = json_array();

	for (unsigned int i = 0; i < rounds; i++) {
		ns[i] = samples[i].ns;
		floor_ns[i] = samples[i].floor_ns;
		json_array_append_new(costs, json_real(ns[i] - floor_ns[i]));
	}
	qsort(ns, rounds, sizeof(*ns), by_value);
	qsort(floor_ns, rounds, sizeof(*floor_ns), by_value);
	return json_pack("{s:s, s:f, s:f, s:f, s:f, s:o}", "name", name, "ns", ns[0],
			 "floor_ns", floor_ns[0], "cost_ns", ns[0] - floor_ns[0],
			 "spread_ns", ns[rounds / 2] - ns[0], "rounds", costs);
}

static json_t *measure_all(struct bench_driver *driver, const struct options *options,
			   const struct row **chosen, size_t count)
{
	struct sample (*samples)[ROUNDS_MAX] = calloc(count, sizeof(*samples));
	json_t *list = json_array();

	if (!samples)
		bench_die("no memory");
	for (size_t i = 0; i < count; i++)
		chosen[i]->warm(driver, chosen[i], options);
	for (unsigned int round = 0; round < options->rounds; round++)
		for (size_t i = 0; i < count; i++)
			samples[i][round] = measure(driver, chosen[i], options);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, summary(chosen[i]->name, samples[i], options->rounds));
	free(samples);
	return json_pack("{s:I, s:o}", "sources", (json_int_t)options->sources, "rows", list);
}

/* --------------------------------------------------------------------- main */

static int options_read(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{ "sources", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "packets", required_argument, NULL, 'p' },
		{ "warm", required_argument, NULL, 'w' },
		{ "in-turn", no_argument, NULL, 't' },
		{ 0 },
	};
	int c;

	*ret = (struct options) { .sources = 1, .rounds = 9, .packets = 400000, .warm = 16 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': ret->sources = (uint32_t)bench_number(optarg, 1, 1 << 24); break;
		case 'r': ret->rounds = (unsigned int)bench_number(optarg, 1, ROUNDS_MAX); break;
		case 'p': ret->packets = bench_number(optarg, 2, 100000000); break;
		case 'w': ret->warm = (unsigned int)bench_number(optarg, 0, 100); break;
		case 't': ret->in_turn = true; break;
		default: exit(2);
		}
	}
	if (ret->sources & (ret->sources - 1))
		bench_die("--sources %u is not a power of two", ret->sources);
	if (optind == argc)
		bench_die("which interface?");
	ret->iface = argv[optind];
	return optind + 1;
}

int main(int argc, char **argv)
{
	const struct sched_param first = { .sched_priority = 1 };
	const struct row *chosen[CRMG_ARRAY_SIZE(rows)];
	struct bench_driver *driver;
	struct options options;
	size_t count = 0;
	json_t *document;

	for (int i = options_read(argc, argv, &options); i < argc; i++) {
		if (count == CRMG_ARRAY_SIZE(chosen))
			bench_die("more rows than there are");
		chosen[count++] = row_named(argv[i]);
	}
	bench_pin_to_cpu((unsigned int)sched_getcpu());
	/* A run lasts some ten ms; nothing should come between two of its packets. */
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		bench_die("a real-time priority: run it as root");
	driver = bench_driver_new(options.iface);
	document = measure_all(driver, &options, chosen, count);
	json_dumpf(document, stdout, JSON_REAL_PRECISION(6) | JSON_COMPACT);
	putchar('\n');
	json_decref(document);
	bench_driver_free(&driver);
	return 0;
}
