// SPDX-License-Identifier: GPL-2.0
/* read.c - one reading of the kernel's state. Takes no lock and changes nothing. */
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "../report/sources.h"
#include "internal.h"

#define CRMG_PROOF_TRIES 1000

void crmg_sum_cpus(__u64 *sum, const __u64 *percpu, size_t words)
{
	unsigned int cpus = crmg_kern_cpus(), cpu;
	size_t i;

	memset(sum, 0, words * sizeof(*sum));
	for (cpu = 0; cpu < cpus; cpu++)
		for (i = 0; i < words; i++)
			sum[i] += percpu[cpu * words + i];
}

static int crmg_host_read(struct crmg_kern *kern, struct crmg_host *ret)
{
	crmg_autofree struct crmg_host *percpu = calloc(crmg_kern_cpus(), sizeof(*ret));
	__u32 zero = 0;

	if (!percpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(kern->map[CRMG_MAP_HOST], &zero, percpu))
		return -errno;
	crmg_sum_cpus(ret->counter, percpu->counter, sizeof(*ret) / 8);
	return 0;
}

static uint32_t crmg_last_row(const struct crmg_image *image)
{
	uint32_t count = crmg_image_head(image)->bindings, last = 0, i;

	for (i = 1; i <= count; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);

		if (binding && binding->row > last)
			last = binding->row;
	}
	return last;
}

static int crmg_rows_room(struct crmg_kern *kern, size_t rows)
{
	size_t percpu = CRMG_ROW_CHUNK * sizeof(struct crmg_row) * crmg_kern_cpus();
	struct crmg_row *grown;

	if (!kern->percpu)
		kern->percpu = malloc(percpu);
	if (!kern->percpu)
		return -ENOMEM;
	if (rows <= kern->row_capacity)
		return 0;
	grown = realloc(kern->rows, rows * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	kern->rows = grown;
	kern->row_capacity = rows;
	return 0;
}

/* A chunk at a time: each a handful of system calls, whatever the number of rows. */
static int crmg_rows_read(struct crmg_kern *kern, size_t *ret_count)
{
	size_t chunks = crmg_last_row(&kern->image) / CRMG_ROW_CHUNK + 1, c, i;
	size_t stride = sizeof(struct crmg_row) * crmg_kern_cpus();
	int code = crmg_rows_room(kern, chunks * CRMG_ROW_CHUNK);

	for (c = 0; !code && c < chunks; c++) {
		char name[32];

		if (kern->chunk[c].fd < 0) {
			snprintf(name, sizeof(name), "row_%zu", c);
			kern->chunk[c].fd = crmg_pin_open(kern, name, kern->access != CRMG_KERN_READ);
		}
		if (kern->chunk[c].fd < 0)
			return kern->chunk[c].fd;
		code = crmg_read_array(kern->chunk[c].fd, kern->percpu, stride, CRMG_ROW_CHUNK);
		for (i = 0; !code && i < CRMG_ROW_CHUNK; i++)
			crmg_sum_cpus((__u64 *)&kern->rows[c * CRMG_ROW_CHUNK + i],
				      (__u64 *)((char *)kern->percpu + i * stride),
				      sizeof(struct crmg_row) / 8);
	}
	*ret_count = chunks * CRMG_ROW_CHUNK;
	return code;
}

/* Those that the image in force uses, in one batch. */
static int crmg_client_rows_read(struct crmg_kern *kern, size_t *ret_count)
{
	size_t stride = sizeof(*kern->client_rows) * crmg_kern_cpus(), count, i;
	crmg_autofree char *percpu = NULL;
	struct crmg_client_row *grown;
	int code;

	count = crmg_image_last_client_row(&kern->image) + 1;
	percpu = malloc(count * stride);
	grown = realloc(kern->client_rows, count * sizeof(*grown));
	if (grown)
		kern->client_rows = grown;
	if (!percpu || !grown)
		return -ENOMEM;
	code = crmg_read_array(kern->map[CRMG_MAP_CLIENT_ROWS], percpu, stride, count);
	for (i = 0; !code && i < count; i++)
		crmg_sum_cpus((__u64 *)&grown[i], (__u64 *)(percpu + i * stride),
			      sizeof(*grown) / 8);
	*ret_count = count;
	return code;
}

/*
 * Copies slots and details that are not mapped. There are many of them: those of banned sources are
 * wanted always, all others only if they were asked for.
 */
static int crmg_sources_refresh(struct crmg_kern *kern, unsigned int flags, uint32_t capacity)
{
	const struct crmg_snapshot snap = { .tags = kern->view[CRMG_MAP_TAGS].memory };
	bool wanted = flags & CRMG_SNAP_SOURCES;
	uint32_t i;
	int code;

	if (kern->view[CRMG_MAP_SLOTS].mapped && kern->view[CRMG_MAP_DETAILS].mapped)
		return 0;
	for (i = 0; i < capacity && !wanted; i++)
		wanted = crmg_tag_state_of(&snap, i) == CRMG_TAG_BANNED;
	if (!wanted)
		return 0;
	code = crmg_view_refresh(&kern->view[CRMG_MAP_SLOTS], kern->map[CRMG_MAP_SLOTS],
				 sizeof(struct crmg_slot), capacity);
	return code ? code : crmg_view_refresh(&kern->view[CRMG_MAP_DETAILS],
					       kern->map[CRMG_MAP_DETAILS],
					       sizeof(struct crmg_detail), capacity);
}

static int crmg_views_refresh(struct crmg_kern *kern, unsigned int flags, uint32_t capacity)
{
	int code = crmg_view_refresh(&kern->view[CRMG_MAP_CONTROL], kern->map[CRMG_MAP_CONTROL],
				     sizeof(struct crmg_control), 1);

	if (!code)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_TAGS], kern->map[CRMG_MAP_TAGS],
					 sizeof(struct crmg_tags), capacity / CRMG_WAYS);
	if (!code)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_ORIGINS],
					 kern->map[CRMG_MAP_ORIGINS], sizeof(struct crmg_origin),
					 CRMG_ORIGINS_MAX);
	if (!code)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_PROOF], kern->map[CRMG_MAP_PROOF],
					 sizeof(struct crmg_proof), 1);
	if (!code)
		code = crmg_sources_refresh(kern, flags, capacity);
	if (!code && flags & CRMG_SNAP_SOURCES)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_TOTALS], kern->map[CRMG_MAP_TOTALS],
					 sizeof(struct crmg_bucket), CRMG_TOTALS);
	if (!code && flags & CRMG_SNAP_SOURCES)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_TOTAL_WINDOWS],
					 kern->map[CRMG_MAP_TOTAL_WINDOWS],
					 sizeof(struct crmg_total_windows),
					 CRMG_TOTAL_WINDOWS(capacity));
	if (!code && flags & CRMG_SNAP_SOURCES)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_WINDOWS],
					 kern->map[CRMG_MAP_WINDOWS], sizeof(struct crmg_windows),
					 capacity);
	if (!code && flags & CRMG_SNAP_SOURCES)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_ASKED], kern->map[CRMG_MAP_ASKED],
					 sizeof(struct crmg_asked), capacity);
	if (!code && flags & CRMG_SNAP_SOURCES)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_PATIENCE],
					 kern->map[CRMG_MAP_PATIENCE], sizeof(struct crmg_patience),
					 CRMG_PATIENTS);
	if (!code && flags & CRMG_SNAP_SOURCES)
		code = crmg_view_refresh(&kern->view[CRMG_MAP_GAUGES], kern->map[CRMG_MAP_GAUGES],
					 sizeof(struct crmg_gauges),
					 crmg_image_head(&kern->image)->flows / CRMG_WAYS);
	return code;
}

/* Whole, unless who writes it was stopped for good in between. */
static void crmg_proof_copy(const struct crmg_kern *kern, struct crmg_proof *ret)
{
	const struct crmg_proof *proof = kern->view[CRMG_MAP_PROOF].memory;
	int tries = 0;
	__u64 seq;

	do {
		seq = __atomic_load_n(&proof->seq, __ATOMIC_SEQ_CST);
		memcpy(ret, proof, sizeof(*ret));
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while ((seq & 1 || seq != __atomic_load_n(&proof->seq, __ATOMIC_SEQ_CST)) &&
		 ++tries < CRMG_PROOF_TRIES);
}

/* A time of the packet path on the other clock; 0: never. */
static uint64_t crmg_noted_ns(const __u64 *word, const struct crmg_snapshot *snap)
{
	uint64_t mono_ns = __atomic_load_n(word, __ATOMIC_RELAXED);

	return mono_ns ? mono_ns + snap->boot_ns - snap->mono_ns : 0;
}

/* What the scratch has, which crmg_kern_event_head() has just read. */
static void crmg_scratch_read(const struct crmg_kern *kern, struct crmg_snapshot *snap)
{
	const struct crmg_scratch *scratch = kern->view[CRMG_MAP_SCRATCH].memory;

	snap->pressure_ns = crmg_noted_ns(&scratch->pressure_ns, snap);
	snap->aggregates_full_ns = crmg_noted_ns(&scratch->aggregates_full_ns, snap);
	snap->unread_ns = scratch->unread_ns;
}

/* The generation that a dead command only meant to put in force does not wait. */
static struct crmg_pending crmg_pending_of(const struct crmg_snapshot *snap)
{
	const struct crmg_control *control = &snap->control;
	uint64_t until = control->confirm_until_ns;

	if (until <= snap->mono_ns ||
	    control->confirm_generation != crmg_image_head(snap->image)->generation)
		return (struct crmg_pending){ 0 };
	return (struct crmg_pending){
		.generation = control->confirm_generation,
		.previous = control->confirm_previous,
		.until_ns = snap->real_ns + (until - snap->mono_ns),
	};
}

static uint32_t crmg_bans_alive(const struct crmg_kern *kern, uint64_t boot_ns)
{
	uint32_t alive = 0;
	size_t i;

	for (i = 0; i < kern->ban_count; i++)
		alive += kern->bans[i].ban.until_ns > boot_ns;
	return alive;
}

int crmg_kern_snapshot(struct crmg_kern *kern, unsigned int flags,
		       struct crmg_snapshot *ret, struct crmg_err *err)
{
	struct crmg_snapshot snap = { 0 };
	struct stat st;
	int code;

	if (!fstat(kern->dir, &st) && !st.st_nlink)
		return crmg_err_set(err, -ESTALE, "the state of instance '%s' was purged; start "
				    "again to read a new one", kern->instance);
	code = crmg_kern_image(kern, &snap.image, err);
	if (code)
		return code;
	snap.capacity = crmg_image_head(snap.image)->capacity;
	snap.real_ns = crmg_clock_ns(CLOCK_REALTIME);
	snap.boot_ns = crmg_clock_ns(CLOCK_BOOTTIME);
	snap.mono_ns = crmg_clock_ns(CLOCK_MONOTONIC);
	code = crmg_views_refresh(kern, flags, snap.capacity);
	if (!code)
		code = crmg_host_read(kern, &snap.host);
	if (!code)
		code = crmg_rows_read(kern, &snap.row_count);
	if (!code)
		code = crmg_client_rows_read(kern, &snap.client_row_count);
	if (code)
		return crmg_err_set(err, code, "cannot read the counters: %s", strerror(-code));
	code = crmg_bans_read(kern, err);
	if (code)
		return code;
	snap.rows = kern->rows;
	snap.client_rows = kern->client_rows;
	snap.origins = kern->view[CRMG_MAP_ORIGINS].memory;
	crmg_proof_copy(kern, &snap.proof);
	snap.front = kern->image_id;
	snap.control = *(struct crmg_control *)kern->view[CRMG_MAP_CONTROL].memory;
	snap.pending = crmg_pending_of(&snap);
	snap.event_seq = crmg_kern_event_head(kern);
	snap.iface_count = crmg_ifaces_read(kern);
	snap.ifaces = kern->ifaces;
	snap.tags = kern->view[CRMG_MAP_TAGS].memory;
	snap.slots = kern->view[CRMG_MAP_SLOTS].memory;
	snap.details = kern->view[CRMG_MAP_DETAILS].memory;
	crmg_sources_count(&snap);
	crmg_scratch_read(kern, &snap);
	snap.ban_count = crmg_bans_alive(kern, snap.boot_ns);
	if (flags & CRMG_SNAP_SOURCES) {
		snap.totals = kern->view[CRMG_MAP_TOTALS].memory;
		snap.total_windows = kern->view[CRMG_MAP_TOTAL_WINDOWS].memory;
		snap.windows = kern->view[CRMG_MAP_WINDOWS].memory;
		snap.asked = kern->view[CRMG_MAP_ASKED].memory;
		snap.patience = kern->view[CRMG_MAP_PATIENCE].memory;
		snap.gauges = kern->view[CRMG_MAP_GAUGES].memory;
	}
	if (flags & CRMG_SNAP_BANS) {
		snap.bans = kern->bans;
		snap.ban_entries = kern->ban_count;
	}
	*ret = snap;
	return 0;
}
