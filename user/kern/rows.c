// SPDX-License-Identifier: GPL-2.0
/* rows.c - counters and totals of what is new in an image, before it comes into force. */
#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "internal.h"

/* One chunk of counter rows: made, put into the outer map and pinned if it is missing. */
static int crmg_rows_chunk(struct crmg_kern *kern, __u32 chunk, bool make, struct crmg_err *err)
{
	char name[32];
	int fd, code;

	if (kern->chunk[chunk].fd >= 0)
		return 0;
	snprintf(name, sizeof(name), "row_%u", chunk);
	fd = crmg_pin_open(kern, name, kern->access != CRMG_KERN_READ);
	if (fd >= 0) {
		kern->chunk[chunk].fd = fd;
		return 0;
	}
	if (fd != -ENOENT || !make)
		return fd;
	fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "crmg_rows", sizeof(__u32),
			    sizeof(struct crmg_row), CRMG_ROW_CHUNK, NULL);
	if (fd < 0) {
		code = -errno;
		return crmg_err_set(err, code, "cannot make counters (%zu KiB): %s",
				    CRMG_ROW_CHUNK * sizeof(struct crmg_row) *
				    crmg_kern_cpus() / 1024, strerror(-code));
	}
	/* Pinned first: a chunk that only the kernel knows could not be found again. */
	code = crmg_pin(kern, fd, name, err);
	if (!code && bpf_map_update_elem(kern->map[CRMG_MAP_ROWS], &chunk, &fd, 0)) {
		code = crmg_err_set(err, -errno, "cannot add counters: %s", strerror(errno));
		crmg_unpin(kern, name);
	}
	if (code) {
		close(fd);
		return code;
	}
	kern->chunk[chunk].fd = fd;
	return 0;
}

void crmg_rows_hold(struct crmg_kern *kern)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	__u32 i = 0;

	/* They are made in this order. */
	while (i < CRMG_ROW_CHUNKS_MAX && !crmg_rows_chunk(kern, i, false, &ignored))
		i++;
	crmg_err_clear(&ignored);
}

/* Nothing was taken from its budgets: a TAT of 0 would lie ahead after 625 days of uptime. */
static void crmg_total_clear(struct crmg_kern *kern, uint32_t at)
{
	struct crmg_total_windows *windows = kern->view[CRMG_MAP_TOTAL_WINDOWS].memory;
	struct crmg_bucket *totals = kern->view[CRMG_MAP_TOTALS].memory;
	__u64 now = crmg_clock_ns(CLOCK_MONOTONIC) << CRMG_UNITS_PER_NS_SHIFT;

	totals[at] = (struct crmg_bucket){ .tat = { now, now, now } };
	memset(&windows[at], 0, sizeof(windows[at]));
}

/* The same of the wider prefixes of new rows, whatever was sent to them under an older policy. */
static void crmg_wides_clear(struct crmg_kern *kern, const uint64_t *fresh)
{
	struct crmg_view *view = &kern->view[CRMG_MAP_TOTAL_WINDOWS];
	struct crmg_total_windows *entry = view->memory;
	size_t i;

	for (i = CRMG_TOTALS; i < view->size / sizeof(*entry); i++)
		if (entry[i].check && fresh[entry[i].row / 64] >> (entry[i].row % 64) & 1)
			crmg_wide_erase(&entry[i], entry[i].check);
}

/* The image in force does not use them. */
static int crmg_policy_rows_prepare(struct crmg_kern *kern, const struct crmg_image *image,
				    const struct crmg_image *old, struct crmg_err *err)
{
	crmg_autofree uint64_t *fresh = calloc(CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX / 64, 8);
	crmg_autofree void *zeros = calloc(crmg_kern_cpus(), sizeof(struct crmg_row));
	uint32_t last, row;

	if (!fresh || !zeros)
		return crmg_err_set(err, -ENOMEM, "out of memory");
	last = crmg_image_new_rows(image, old, fresh);
	for (row = 0; row <= last; row++) {
		__u32 chunk = row / CRMG_ROW_CHUNK, i = row % CRMG_ROW_CHUNK;
		int code = crmg_rows_chunk(kern, chunk, true, err);

		if (code)
			return code;
		if (!(fresh[row / 64] >> (row % 64) & 1))
			continue;
		crmg_total_clear(kern, row);
		if (bpf_map_update_elem(kern->chunk[chunk].fd, &i, zeros, 0))
			return crmg_err_set(err, -errno, "cannot clear counters: %s",
					    strerror(errno));
	}
	crmg_wides_clear(kern, fresh);
	return 0;
}

static int crmg_client_rows_prepare(struct crmg_kern *kern, const struct crmg_image *image,
				    const struct crmg_image *old, struct crmg_err *err)
{
	crmg_autofree void *zeros = calloc(crmg_kern_cpus(), sizeof(struct crmg_client_row));
	uint64_t fresh[CRMG_CLIENT_ROWS / 64 + 1];
	uint32_t last = crmg_image_last_client_row(image), row;

	if (!zeros)
		return crmg_err_set(err, -ENOMEM, "out of memory");
	crmg_image_new_client_rows(image, old, fresh);
	for (row = 1; row <= last; row++)
		if (fresh[row / 64] >> (row % 64) & 1 &&
		    bpf_map_update_elem(kern->map[CRMG_MAP_CLIENT_ROWS], &row, zeros, 0))
			return crmg_err_set(err, -errno, "cannot clear counters of clients: %s",
					    strerror(errno));
	return 0;
}

int crmg_rows_prepare(struct crmg_kern *kern, const struct crmg_image *image,
		      const struct crmg_image *old, struct crmg_err *err)
{
	int code = crmg_policy_rows_prepare(kern, image, old, err);

	return code ? code : crmg_client_rows_prepare(kern, image, old, err);
}

void crmg_totals_prepare(struct crmg_kern *kern, const struct crmg_image *image)
{
	uint32_t generation = crmg_image_head(image)->generation, i;

	for (i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(image, i);

		if (service && service->born == generation)
			crmg_total_clear(kern, CRMG_TOTAL_SERVICES + i);
	}
}
