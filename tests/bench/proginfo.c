// SPDX-License-Identifier: GPL-2.0
/*
 * proginfo.c - what the kernel says about crmgate's programs on an interface, as
 * JSON: instructions that the verifier walked through, and the size of the machine
 * code; and how much memory the maps take that belong to them.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <jansson.h>

#include "driver.h"

#define MAPS_MAX 64

/* A line "KEY:\tN" of a descriptor's fdinfo. */
static uint64_t fdinfo(int fd, const char *key)
{
	char path[64], line[128];
	unsigned long value = 0;
	size_t len = strlen(key);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && line[len] == ':')
			sscanf(line + len + 1, "%lu", &value);
	if (f)
		fclose(f);
	return value;
}

static json_t *map_info(uint32_t id)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);
	json_t *map;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		bench_die("map %u: %s", id, strerror(errno));
	map = json_pack("{s:s, s:I}", "map", info.name, "bytes", (json_int_t)fdinfo(fd, "memlock"));
	close(fd);
	return map;
}

static json_t *program_info(int fd, uint32_t *maps, uint32_t *ret_count)
{
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)maps };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		bench_die("information about a program: %s", strerror(errno));
	*ret_count = info.nr_map_ids;
	return json_pack("{s:s, s:I, s:I}", "program", info.name,
			 "verified_instructions", (json_int_t)info.verified_insns,
			 "machine_code_bytes", (json_int_t)info.jited_prog_len);
}

int main(int argc, char **argv)
{
	json_t *programs = json_array(), *maps = json_array(), *document;
	uint32_t ids[MAPS_MAX], count;

	if (argc != 2)
		bench_die("which interface?");
	for (enum bench_hook hook = BENCH_XDP; hook <= BENCH_TC; hook++) {
		int fd = bench_program(argv[1], hook);

		json_array_append_new(programs, program_info(fd, ids, &count));
		close(fd);
		/* The maps of the program at XDP, which has them all. */
		for (uint32_t i = 0; hook == BENCH_XDP && i < count; i++)
			json_array_append_new(maps, map_info(ids[i]));
	}
	document = json_pack("{s:o, s:o}", "programs", programs, "maps", maps);
	json_dumpf(document, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(document);
	return 0;
}
