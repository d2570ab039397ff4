// SPDX-License-Identifier: GPL-2.0
/* load.c - this build's programs into the kernel, on new or on pinned maps. */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "../report/doctor.h"
#include "chain.h"
#include "crmgate.skel.h"

#define CRMG_VERIFIER_LOG   (1 << 20)
#define CRMG_VERIFIER_LINES 4	/* of these, shown when it refuses */

/* libbpf prints from deep inside; the last line that it has to say goes into the error. */
static char crmg_libbpf_line[256];

static int crmg_libbpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN)
		vsnprintf(crmg_libbpf_line, sizeof(crmg_libbpf_line), format, args);
	return 0;
}

int crmg_setup_new(const struct crmg_model *model, const struct crmg_image *image,
		   struct crmg_setup *ret)
{
	struct crmg_setup setup = {
		.capacity = model->capacity,
		.flows = model->flows,
		.v4_prefix = model->v4_prefix,
		.v6_prefix = model->v6_prefix,
	};

	if (image) {
		setup.capacity = crmg_image_head(image)->capacity;
		setup.flows = crmg_image_head(image)->flows;
		setup.v4_prefix = crmg_image_head(image)->v4_prefix;
		setup.v6_prefix = crmg_image_head(image)->v6_prefix;
	}
	if (getrandom(setup.hash_key, sizeof(setup.hash_key), 0) != sizeof(setup.hash_key))
		return -errno;
	*ret = setup;
	return 0;
}

int crmg_setup_read(const struct crmg_kern *kern, struct crmg_setup *ret, struct crmg_err *err)
{
	__u32 zero = 0;
	int code;

	if (!bpf_map_lookup_elem(kern->map[CRMG_MAP_SETUP], &zero, ret))
		return 0;
	code = -errno;
	return crmg_err_set(err, code, "cannot read pin 'setup': %s", strerror(-code));
}

void crmg_knobs_of(const struct crmg_setup *setup, struct crmg_knobs *ret)
{
	struct crmg_addr all = { ~0ULL, ~0ULL };
	struct crmg_addr v4 = crmg_addr_cut(all, 96 + setup->v4_prefix);
	struct crmg_addr v6 = crmg_addr_cut(all, setup->v6_prefix);

	*ret = (struct crmg_knobs){
		.capacity = setup->capacity,
		.line_mask = setup->capacity / CRMG_WAYS - 1,
		.flow_mask = setup->flows / CRMG_WAYS - 1,
		.aggregate_mask = CRMG_AGGREGATE_LINES(setup->capacity) - 1,
		.wide_mask = CRMG_WIDE_LINES(setup->capacity) - 1,
		.v4_mask_lo = v4.lo,
		.v6_mask_hi = v6.hi,
		.v6_mask_lo = v6.lo,
		.v4_len = 96 + setup->v4_prefix,
		.v6_len = setup->v6_prefix,
	};
	memcpy(ret->hash_key, setup->hash_key, sizeof(setup->hash_key));
}

/* Lines of a verifier log that are its statistics, and not what it did not accept. */
static bool crmg_verifier_statistics(const char *line)
{
	return !strncmp(line, "processed ", 10) || !strncmp(line, "verification time", 17) ||
	       !strncmp(line, "stack depth", 11);
}

/* Cuts a verifier log into lines; the last of them, oldest first. Returns how many. */
static size_t crmg_verifier_lines(char *log, const char *ret[CRMG_VERIFIER_LINES])
{
	size_t count = 0, i;
	char *line, *rest = NULL;

	for (line = strtok_r(log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (crmg_verifier_statistics(line))
			continue;
		if (count < CRMG_VERIFIER_LINES) {
			ret[count++] = line;
			continue;
		}
		for (i = 1; i < CRMG_VERIFIER_LINES; i++)
			ret[i - 1] = ret[i];
		ret[CRMG_VERIFIER_LINES - 1] = line;
	}
	return count;
}

/* What a refusal means, by what the verifier calls it in one of its last lines. */
static const char *crmg_verifier_words(const char *const *lines, size_t count)
{
	static const struct {
		const char *sign;
		const char *words;
	} known[] = {
		{ "program is too large", "it takes more steps to check than this kernel allows" },
		{ "too complex", "it takes more steps to check than this kernel allows" },
		{ "sequence of", "it takes more steps to check than this kernel allows" },
		{ "combined stack size", "it needs more stack than this kernel allows" },
		{ "unknown func", "it calls a function that this kernel does not have" },
		{ "invalid func", "it calls a function that this kernel does not have" },
		{ "invalid access to", "it reaches outside a packet or a table" },
		{ "invalid mem access", "it uses as an address what is none" },
		{ "unbounded", "it reaches as far as it cannot be shown to be allowed to" },
		{ "infinite loop", "it may never end" },
		{ "back-edge", "it may never end" },
	};
	size_t i, j;

	for (i = 0; i < CRMG_ARRAY_SIZE(known); i++)
		for (j = 0; j < count; j++)
			if (strstr(lines[j], known[i].sign))
				return known[i].words;
	return "it cannot be shown to be safe";
}

/* An older kernel than it is written for is to blame before all else. */
static int crmg_load_refused(int code, struct crmg_err *err)
{
	struct crmg_host_facts host = { 0 };

	crmg_kernel_read(&host);
	if (crmg_kernel_older(&host, CRMG_KERNEL_MAJOR, CRMG_KERNEL_MINOR))
		crmg_err_set(err, code, "kernel %s is too old: crmgate is written and tested for those "
			     "from %u.%u on ('apt-get install linux-image-amd64', and boot that)",
			     host.release, CRMG_KERNEL_MAJOR, CRMG_KERNEL_MINOR);
	return code;
}

/* In plain words first, then the log's own last lines: what was wrong, and where. */
static int crmg_verifier_refused(int code, const char *const *lines, size_t count,
				 struct crmg_err *err)
{
	const char *missing = crmg_missing_rights();
	size_t i;

	/* Then the program is not to blame, and neither are its lines of interest. */
	if (missing[0])
		return crmg_err_set(err, code, "the kernel refused the program: %s%s",
				    lines[count - 1], missing);
	crmg_err_set(err, code, "the kernel refused this build's program: %s; what was in force "
		     "stays", crmg_verifier_words(lines, count));
	for (i = 0; i < count; i++)
		crmg_err_set(err, code, "verifier: %s", lines[i]);
	return crmg_load_refused(code, err);
}

static int crmg_load_failed(int code, char *log, uint32_t capacity, struct crmg_err *err)
{
	const char *lines[CRMG_VERIFIER_LINES];
	size_t count = crmg_verifier_lines(log, lines);

	if (code == -ENOMEM)
		return crmg_err_set(err, code, "out of memory for the tables: a source table of %u "
				    "slots needs %llu MiB; lower capacity.sources, or raise the "
				    "memory limit of this process", capacity,
				    (unsigned long long)crmg_memory_sources(capacity) >> 20);
	if (count)
		return crmg_verifier_refused(code, lines, count, err);
	if (code == -EPERM || code == -EACCES)
		return crmg_err_set(err, code, "loading needs root, or CAP_BPF, CAP_NET_ADMIN and "
				    "CAP_PERFMON%s", crmg_missing_rights());
	crmg_libbpf_line[strcspn(crmg_libbpf_line, "\n")] = '\0';
	crmg_err_set(err, code, "cannot load the program: %s (%s)", strerror(-code),
		     crmg_libbpf_line);
	return crmg_load_refused(code, err);
}

/* Pins what was just made, and opens it. On failure the caller takes back what was pinned. */
static int crmg_pin_maps(struct crmg_kern *kern, struct crmgate_bpf *skel, struct crmg_err *err)
{
	const struct {
		const char *name;
		const struct bpf_map *map;
	} maps[] = {
#define CRMG_MAP_PIN(ID, field, pin, ...) { pin, skel->maps.field },
		CRMG_MAPS(CRMG_MAP_PIN)
	};
	size_t i;
	int code;

	for (i = 0; i < CRMG_ARRAY_SIZE(maps); i++) {
		if (kern->map[i] >= 0)
			continue;
		code = crmg_pin(kern, bpf_map__fd(maps[i].map), maps[i].name, err);
		if (code)
			return code;
		kern->map[i] = fcntl(bpf_map__fd(maps[i].map), F_DUPFD_CLOEXEC, 0);
		if (kern->map[i] < 0)
			return crmg_err_set(err, -errno, "cannot open '%s': %s", maps[i].name,
					    strerror(errno));
	}
	return crmg_kern_open_maps(kern, err);
}

/*
 * What is not right as zero: the origin that `ban` gives by itself, which has a series
 * from the beginning, and buckets, of which a TAT of 0 is in the future after a long uptime.
 */
static void crmg_state_init(struct crmg_kern *kern)
{
	struct crmg_scratch *scratch = kern->view[CRMG_MAP_SCRATCH].memory;
	struct crmg_origin *origins = kern->view[CRMG_MAP_ORIGINS].memory;
	__u64 now = crmg_clock_ns(CLOCK_MONOTONIC) << CRMG_UNITS_PER_NS_SHIFT;

	crmg_copy(origins->name, sizeof(origins->name), "manual");
	scratch->event_tat = scratch->reset_tat = now;
}

int crmg_load(struct crmg_kern *kern, const struct crmg_setup *setup,
	      const struct crmg_attaching *a, struct crmgate_bpf **ret, struct crmg_err *err)
{
	crmg_autofree char *log = calloc(1, CRMG_VERIFIER_LOG);
	bool fresh = kern->map[CRMG_MAP_SETUP] < 0;
	struct crmgate_bpf *skel;
	struct bpf_program *prog;
	__u32 zero = 0;
	int code;

	libbpf_set_print(crmg_libbpf_print);
	crmg_libbpf_line[0] = '\0';
	skel = log ? crmgate_bpf__open() : NULL;
	if (!skel)
		return crmg_load_failed(-errno, log ? log : crmg_libbpf_line, setup->capacity, err);
	crmg_knobs_of(setup, (struct crmg_knobs *)&skel->rodata->crmg_knobs);
	bpf_program__set_autoload(skel->progs.crmg_tc_in, crmg_tcin_wanted(a));
	/*
	 * What an extension has, from whose array it may be called (chain.c). A link takes only
	 * programs of the type that it has.
	 */
	if (crmg_chain_wanted(a))
		bpf_program__set_expected_attach_type(skel->progs.crmg_xdp, 0);
	code = 0;
	if (fresh) {
		bpf_map__set_max_entries(skel->maps.tags, CRMG_TAG_LINES(setup->capacity));
		bpf_map__set_max_entries(skel->maps.slots, CRMG_SLOTS(setup->capacity));
		bpf_map__set_max_entries(skel->maps.details, CRMG_SLOTS(setup->capacity));
		bpf_map__set_max_entries(skel->maps.proved_map, CRMG_SLOTS(setup->capacity));
		bpf_map__set_max_entries(skel->maps.windows, CRMG_SLOTS(setup->capacity));
		bpf_map__set_max_entries(skel->maps.asked_map, CRMG_SLOTS(setup->capacity));
		bpf_map__set_max_entries(skel->maps.throttles, CRMG_SLOTS(setup->capacity));
		bpf_map__set_max_entries(skel->maps.contags, setup->flows / CRMG_WAYS);
		bpf_map__set_max_entries(skel->maps.conns, setup->flows);
		bpf_map__set_max_entries(skel->maps.streams, setup->flows);
		bpf_map__set_max_entries(skel->maps.gauges, setup->flows / CRMG_WAYS);
		bpf_map__set_max_entries(skel->maps.flows, setup->flows / CRMG_WAYS);
		bpf_map__set_max_entries(skel->maps.greetings, setup->flows);
		bpf_map__set_max_entries(skel->maps.aggregates,
					 CRMG_AGGREGATES(setup->capacity));
		bpf_map__set_max_entries(skel->maps.total_windows,
					 CRMG_TOTAL_WINDOWS(setup->capacity));
	} else {
#define CRMG_MAP_REUSE(ID, field, pin, ...) \
		if (!code && bpf_map__reuse_fd(skel->maps.field, kern->map[CRMG_MAP_##ID])) \
			code = -errno;
		CRMG_MAPS(CRMG_MAP_REUSE)
	}
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_log_buf(prog, log, CRMG_VERIFIER_LOG);
	if (!code)
		code = crmgate_bpf__load(skel);
	if (code) {
		code = crmg_load_failed(code, log, setup->capacity, err);
		goto fail;
	}
	if (fresh && bpf_map__update_elem(skel->maps.setup, &zero, sizeof(zero), setup,
					  sizeof(*setup), 0)) {
		code = crmg_err_set(err, -errno, "cannot write 'setup': %s", strerror(errno));
		goto fail;
	}
	code = crmg_pin_maps(kern, skel, err);
	if (code)
		goto fail;
	if (fresh)
		crmg_state_init(kern);
	*ret = skel;
	return 0;
fail:
	crmgate_bpf__destroy(skel);
	return code;
}
