// SPDX-License-Identifier: GPL-2.0
/* driver.c - see driver.h. */
#include "driver.h"

#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "feed.h"	/* before the skeleton, which needs its types */

#include "bench.skel.h"

#define MAPS_MAX 64

struct bench_driver {
	struct bench_bpf *skel;
	int program[2][BENCH_TARGETS];	/* by hook; -1: there is none */
};

void bench_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

uint64_t bench_number(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (*end || end == text || value < min || value > max)
		bench_die("'%s' is not a number from %lu to %lu", text, min, max);
	return value;
}

void bench_pin_to_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die("CPU %u: %s", cpu, strerror(errno));
}

/* -------------------------------------------------------- the program attached */

struct program_info {
	struct bpf_prog_info info;
	uint32_t maps[MAPS_MAX];
};

static void program_read(int fd, struct program_info *ret)
{
	uint32_t len = sizeof(ret->info);

	memset(ret, 0, sizeof(*ret));
	ret->info.nr_map_ids = MAPS_MAX;
	ret->info.map_ids = (uintptr_t)ret->maps;
	if (bpf_obj_get_info_by_fd(fd, &ret->info, &len))
		bench_die("information about a program: %s", strerror(errno));
}

static bool shares_map(const struct program_info *a, const struct program_info *b)
{
	for (uint32_t i = 0; i < a->info.nr_map_ids; i++)
		for (uint32_t j = 0; j < b->info.nr_map_ids; j++)
			if (a->maps[i] == b->maps[j])
				return true;
	return false;
}

static int program_xdp(const char *iface)
{
	unsigned int index = if_nametoindex(iface);
	uint32_t id = 0;
	int fd;

	if (!index || bpf_xdp_query_id((int)index, 0, &id) || !id)
		bench_die("%s: no XDP program is attached; attach crmgate first", iface);
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		bench_die("program %u: %s", id, strerror(errno));
	return fd;
}

/* How TC programs are attached depends on the kernel; that they share maps does not. */
static int program_tc(const char *iface)
{
	struct program_info wanted, info;
	int xdp = program_xdp(iface), fd;
	uint32_t id = 0;

	program_read(xdp, &wanted);
	close(xdp);
	while (!bpf_prog_get_next_id(id, &id)) {
		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0)
			continue;	/* unloaded in the meantime */
		program_read(fd, &info);
		if (info.info.type == BPF_PROG_TYPE_SCHED_CLS && shares_map(&wanted, &info))
			return fd;
		close(fd);
	}
	bench_die("%s: no TC program shares a map with its XDP program", iface);
}

int bench_program(const char *iface, enum bench_hook hook)
{
	return hook == BENCH_XDP ? program_xdp(iface) : program_tc(iface);
}

/* ------------------------------------------------------------------- driver */

struct bench_driver *bench_driver_new(const char *iface)
{
	struct bench_driver *driver = calloc(1, sizeof(*driver));
	struct bench_bpf *skel = bench_bpf__open_and_load();

	if (!driver || !skel)
		bench_die("the driver does not load: %s", strerror(errno));
	driver->skel = skel;
	driver->program[BENCH_XDP][BENCH_FLOOR] = bpf_program__fd(skel->progs.floor_xdp);
	driver->program[BENCH_XDP][BENCH_SLOT] = bpf_program__fd(skel->progs.slot_xdp);
	driver->program[BENCH_XDP][BENCH_EXACT] = bpf_program__fd(skel->progs.exact_xdp);
	driver->program[BENCH_XDP][BENCH_LRU] = bpf_program__fd(skel->progs.lru_xdp);
	driver->program[BENCH_XDP][BENCH_CRMGATE] = bench_program(iface, BENCH_XDP);
	driver->program[BENCH_TC][BENCH_FLOOR] = bpf_program__fd(skel->progs.floor_tc);
	driver->program[BENCH_TC][BENCH_SLOT] = driver->program[BENCH_TC][BENCH_EXACT] = -1;
	driver->program[BENCH_TC][BENCH_LRU] = -1;
	driver->program[BENCH_TC][BENCH_CRMGATE] = bench_program(iface, BENCH_TC);
	for (int cpu = 0; cpu < BENCH_CPUS; cpu++)
		skel->bss->feeds[cpu].state = 0x9e3779b97f4a7c15ULL * (uint64_t)(cpu + 1);
	return driver;
}

void bench_driver_free(struct bench_driver **driver)
{
	if (!*driver)
		return;
	close((*driver)->program[BENCH_XDP][BENCH_CRMGATE]);
	close((*driver)->program[BENCH_TC][BENCH_CRMGATE]);
	bench_bpf__destroy((*driver)->skel);
	free(*driver);
	*driver = NULL;
}

void bench_driver_aim(struct bench_driver *driver, enum bench_hook hook, enum bench_target target)
{
	const struct bpf_map *next = hook == BENCH_XDP ? driver->skel->maps.xdp_next :
							 driver->skel->maps.tc_next;
	const uint32_t zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(next), &zero, &driver->program[hook][target], BPF_ANY))
		bench_die("the driver cannot call the program under test: %s", strerror(errno));
}

#define SEQ_OFFSET 4		/* in the header of TCP */

/* Offset of the word that tells the frames apart: of a source, of a /64 in IPv6. */
static uint32_t word_offset(const struct bench_stream *stream, const struct crmg_test_frame *frame)
{
	bool v4 = crmg_test_get16(frame->data + frame->l3 - 2) == CRMG_TEST_ETH_IPV4;
	bool out = stream->hook == BENCH_TC;

	if (stream->step)
		return (uint32_t)frame->l4 + SEQ_OFFSET;
	if (v4)
		return (uint32_t)frame->l3 + (out ? 16 : 12);
	return (uint32_t)frame->l3 + (out ? 24 : 8) + 4;
}

struct bench_result bench_run(struct bench_driver *driver, const struct bench_stream *stream,
			      uint64_t skip, uint64_t count)
{
	struct __sk_buff leaving = { 0 };
	const struct bpf_program *program =
		stream->hook == BENCH_TC ? driver->skel->progs.bench_tc :
		stream->whole ? driver->skel->progs.bench_xdp_whole : driver->skel->progs.bench_xdp;
	struct bench_feed *feed = &driver->skel->bss->feeds[sched_getcpu() % BENCH_CPUS];
	struct crmg_test_frame *frame = malloc(sizeof(*frame));
	struct bench_result result = { 0 };

	if (!frame)
		bench_die("no memory");
	crmg_test_build(&stream->packet, frame);
	if (stream->text)
		memcpy(frame->data + frame->len - stream->packet.payload, stream->text,
		       stream->packet.payload);
	feed->done = 0;
	feed->skip = skip;
	feed->count = count;
	feed->base = stream->base;
	feed->mask = stream->sources - 1;
	feed->offset = word_offset(stream, frame);
	feed->in_turn = stream->in_turn;
	feed->step = stream->step;
	memcpy(feed->frame, frame->data, BENCH_FRAME < frame->len ? BENCH_FRAME : frame->len);

	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data,
		    .data_size_in = (uint32_t)frame->len, .repeat = (int)(skip + count));
	if (stream->hook == BENCH_TC) {	/* else the stack's word for its length on the wire is missing */
		opts.ctx_in = &leaving;
		opts.ctx_size_in = sizeof(leaving);
		leaving.wire_len = (uint32_t)frame->len;
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts))
		bench_die("test run: %s", strerror(errno));
	free(frame);
	result.ns = (double)(feed->last_ns - feed->first_ns) / (double)(count > 1 ? count - 1 : 1);
	result.first_ns = feed->first_ns;
	result.last_ns = feed->last_ns;
	result.action = opts.retval;
	return result;
}
