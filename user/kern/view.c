// SPDX-License-Identifier: GPL-2.0
/* view.c - array maps as memory: mapped, or copied in batches. */
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "internal.h"

#define CRMG_BATCH 4096

int crmg_read_array(int fd, void *values, size_t value_size, size_t count)
{
	crmg_autofree __u32 *keys = calloc(CRMG_BATCH, sizeof(*keys));
	__u32 in = 0, out = 0, n;
	size_t done = 0;

	if (!keys)
		return -ENOMEM;
	while (done < count) {
		n = count - done < CRMG_BATCH ? count - done : CRMG_BATCH;
		if (bpf_map_lookup_batch(fd, done ? &in : NULL, &out, keys,
					 (char *)values + done * value_size, &n, NULL) &&
		    errno != ENOENT)
			return -errno;
		if (!n)
			return -EIO;
		done += n;
		in = out;
	}
	return 0;
}

int crmg_view_refresh(struct crmg_view *view, int fd, size_t value_size, size_t entries)
{
	return view->mapped ? 0 : crmg_read_array(fd, view->memory, value_size, entries);
}

int crmg_view_open(struct crmg_view *view, int fd, size_t value_size, size_t entries,
		   bool writable)
{
	long page = sysconf(_SC_PAGESIZE);
	size_t size = (value_size * entries + page - 1) / page * page;
	void *memory = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	int code;

	if (memory != MAP_FAILED) {
		*view = (struct crmg_view){ memory, size, true };
		return 0;
	}
	if (writable)
		return -errno;
	memory = calloc(entries, value_size);
	if (!memory)
		return -ENOMEM;
	code = crmg_read_array(fd, memory, value_size, entries);
	if (code) {
		free(memory);
		return code;
	}
	*view = (struct crmg_view){ memory, size, false };
	return 0;
}

static size_t crmg_part_size(const struct crmg_view_part *part)
{
	return part->value_size * part->entries;
}

/* Maps both parts over memory that was reserved for them. */
static int crmg_map_pair(char *memory, const struct crmg_view_part parts[2])
{
	for (int i = 0; i < 2; i++) {
		if (mmap(memory, crmg_part_size(&parts[i]), PROT_READ, MAP_SHARED | MAP_FIXED,
			 parts[i].fd, 0) == MAP_FAILED)
			return -errno;
		memory += crmg_part_size(&parts[i]);
	}
	return 0;
}

int crmg_view_open_pair(struct crmg_view *view, const struct crmg_view_part parts[2])
{
	size_t size = crmg_part_size(&parts[0]) + crmg_part_size(&parts[1]);
	char *memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    -1, 0);
	int code;

	if (memory == MAP_FAILED)
		return -errno;
	if (!crmg_map_pair(memory, parts)) {
		*view = (struct crmg_view){ memory, size, true };
		return 0;
	}
	munmap(memory, size);
	memory = malloc(size);
	if (!memory)
		return -ENOMEM;
	code = crmg_read_array(parts[0].fd, memory, parts[0].value_size, parts[0].entries);
	if (!code)
		code = crmg_read_array(parts[1].fd, memory + crmg_part_size(&parts[0]),
				       parts[1].value_size, parts[1].entries);
	if (code) {
		free(memory);
		return code;
	}
	*view = (struct crmg_view){ memory, size, false };
	return 0;
}

void crmg_view_close(struct crmg_view *view)
{
	if (view->mapped)
		munmap(view->memory, view->size);
	else
		free(view->memory);
	*view = (struct crmg_view){ 0 };
}
