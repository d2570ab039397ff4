// SPDX-License-Identifier: GPL-2.0
/*
 * hammer.c - one source that sends without a pause, on one CPU or on several at
 * once, each in a single test run:
 *
 *   hammer [--cpus N] [--packets N] [--size BYTES] [--source N] IFACE PORT
 *
 * Prints as JSON how many packets that were and how long it took, from the first
 * to the last, by the clock that the kernel limits by. What passed is for who
 * reads the counters.
 */
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "driver.h"

#define CPUS_MAX 16
#define HEADERS  54	/* Ethernet, IPv4, TCP */

struct options {
	const char *iface;
	uint16_t port;
	unsigned int cpus;
	uint64_t packets;	/* on each CPU */
	uint32_t size;
	uint32_t source;
};

struct thread {
	pthread_t id;
	unsigned int cpu;
	struct bench_driver *driver;
	const struct options *options;
	pthread_barrier_t *start;
	struct bench_result result;
};

static void *hammer(void *arg)
{
	struct thread *t = arg;
	const struct bench_stream stream = {
		.packet = {
			.src = CRMG_TEST_V4(10, 0, 0, 0), .dst = CRMG_TEST_V4(192, 0, 2, 1),
			.protocol = IPPROTO_TCP, .sport = 40000, .dport = t->options->port,
			.tcp_flags = CRMG_TEST_ACK, .payload = t->options->size - HEADERS,
		},
		.base = 0x0a000000 + t->options->source, .sources = 1,
	};

	bench_pin_to_cpu(t->cpu);
	pthread_barrier_wait(t->start);
	t->result = bench_run(t->driver, &stream, 0, t->options->packets);
	return NULL;
}

static void options_read(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{ "cpus", required_argument, NULL, 'c' },
		{ "packets", required_argument, NULL, 'p' },
		{ "size", required_argument, NULL, 's' },
		{ "source", required_argument, NULL, 'n' },
		{ 0 },
	};
	int c;

	*ret = (struct options) { .cpus = 1, .packets = 100000, .size = 64 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c': ret->cpus = (unsigned int)bench_number(optarg, 1, CPUS_MAX); break;
		case 'p': ret->packets = bench_number(optarg, 2, 1000000000); break;
		case 's': ret->size = (uint32_t)bench_number(optarg, HEADERS + 1, 1514); break;
		case 'n': ret->source = (uint32_t)bench_number(optarg, 0, 65535); break;
		default: exit(2);
		}
	}
	if (argc - optind != 2)
		bench_die("which interface, and which port?");
	ret->iface = argv[optind];
	ret->port = (uint16_t)bench_number(argv[optind + 1], 1, 65535);
}

int main(int argc, char **argv)
{
	struct thread threads[CPUS_MAX] = { 0 };
	uint64_t first_ns = UINT64_MAX, last_ns = 0;
	struct bench_driver *driver;
	struct options options;
	pthread_barrier_t start;

	options_read(argc, argv, &options);
	driver = bench_driver_new(options.iface);
	bench_driver_aim(driver, BENCH_XDP, BENCH_CRMGATE);
	pthread_barrier_init(&start, NULL, options.cpus);
	for (unsigned int i = 0; i < options.cpus; i++) {
		threads[i] = (struct thread) { .cpu = i, .driver = driver, .options = &options,
					       .start = &start };
		if (pthread_create(&threads[i].id, NULL, hammer, &threads[i]))
			bench_die("no thread");
	}
	for (unsigned int i = 0; i < options.cpus; i++) {
		pthread_join(threads[i].id, NULL);
		if (threads[i].result.first_ns < first_ns)
			first_ns = threads[i].result.first_ns;
		if (threads[i].result.last_ns > last_ns)
			last_ns = threads[i].result.last_ns;
	}
	printf("{\"packets\": %lu, \"seconds\": %.9f}\n", options.cpus * options.packets,
	       (double)(last_ns - first_ns) / 1e9);
	bench_driver_free(&driver);
	return 0;
}
