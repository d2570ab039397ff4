// SPDX-License-Identifier: GPL-2.0
/* relink.c - `relink LINK PROGRAM` (pins): puts another program under a link, as no tool does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

int main(int argc, char **argv)
{
	int link, prog;

	if (argc != 3) {
		fprintf(stderr, "usage: relink LINK PROGRAM\n");
		return 2;
	}
	link = bpf_obj_get(argv[1]);
	prog = bpf_obj_get(argv[2]);
	if (link < 0 || prog < 0 || bpf_link_update(link, prog, NULL)) {
		fprintf(stderr, "relink: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}
