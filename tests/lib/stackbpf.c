// SPDX-License-Identifier: GPL-2.0
/*
 * stackbpf.c - a preloaded library that has the verifier say how much stack a program of
 * crmgate needs while it is loaded. To the file STACKBPF goes a line each: the program, and
 * the bytes of its deepest chain of calls as Linux 6.1 counts them, which gives each function
 * a multiple of 32 (later kernels: of 16) and to all of a chain together 512.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "preload.h"

#define FRAMES_MAX 256		/* of the kernel: functions of a program */
#define FRAME_UNIT 32
#define LOOP_EXTRA 24		/* for a loop in place of a call of bpf_loop(): after the check */
#define LOG_SIZE   (1 << 20)	/* each global function is named in it, too */
#define LOG_STATS  4		/* of the kernel: the log has its statistics only */

struct program {
	const struct bpf_insn *code;
	int length;
	int start[FRAMES_MAX + 1];	/* of each function, in order; then the length */
	int frame[FRAMES_MAX];		/* bytes, as the verifier says */
	int count;
};

/* A call, or the address of a function: either leads into one. */
static bool leads(const struct bpf_insn *insn)
{
	return (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) ||
	       (insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC);
}

static bool loops(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm == BPF_FUNC_loop;
}

/* The functions: the first instruction begins one, and whatever is called. */
static bool divide(struct program *p)
{
	uint8_t *begins = calloc(p->length + 1, 1);

	if (!begins)
		return false;
	begins[0] = begins[p->length] = 1;
	for (int i = 0; i < p->length; i++)
		if (leads(&p->code[i]))
			begins[i + p->code[i].imm + 1] = 1;
	for (int i = 0; i <= p->length && p->count <= FRAMES_MAX; i++)
		if (begins[i])
			p->start[p->count++] = i;
	free(begins);
	return --p->count < FRAMES_MAX;
}

static int function_at(const struct program *p, int start)
{
	for (int i = 0; i < p->count; i++)
		if (p->start[i] == start)
			return i;
	return 0;
}

/* The deepest chain that begins with function `at`. The verifier allows no recursion. */
static int deepest(const struct program *p, int at)
{
	int below = 0, frame = p->frame[at];
	bool extra = false;

	for (int i = p->start[at]; i < p->start[at + 1]; i++) {
		int deep = !leads(&p->code[i]) ? 0 :
			   deepest(p, function_at(p, i + p->code[i].imm + 1));

		below = deep > below ? deep : below;
		extra |= loops(&p->code[i]);
	}
	frame -= extra ? LOOP_EXTRA : 0;
	/* Also one without any is given one. */
	frame = frame > 1 ? frame : 1;
	return (frame + FRAME_UNIT - 1) / FRAME_UNIT * FRAME_UNIT + below;
}

/* "stack depth 104+72+0": a number for each function. False: it is not there. */
static bool read_frames(struct program *p, const char *log)
{
	const char *at = strstr(log, "stack depth ");

	for (int i = 0; at && i < p->count; i++) {
		at += i ? 1 : strlen("stack depth ");
		p->frame[i] = (int)strtol(at, (char **)&at, 10);
		if (*at != '+' && i + 1 < p->count)
			return false;
	}
	return at && *at != '+';
}

static void tell(const union bpf_attr *attr, const char *log)
{
	struct program p = { .code = (const struct bpf_insn *)(uintptr_t)attr->insns,
			     .length = (int)attr->insn_cnt };
	FILE *f = fopen(getenv("STACKBPF"), "ae");

	if (!f)
		return;
	if (divide(&p) && read_frames(&p, log))
		fprintf(f, "%s %d\n", attr->prog_name, deepest(&p, 0));
	else
		fprintf(f, "%s unknown\n", attr->prog_name);
	fclose(f);
}

static long called(long number, const long a[WORDS])
{
	union bpf_attr *attr = (union bpf_attr *)a[1];
	static char log[LOG_SIZE];
	long result;
	bool ask;

	/* Who asks for a log himself has been refused before. */
	ask = number == SYS_bpf && a[0] == BPF_PROG_LOAD && getenv("STACKBPF") && !attr->log_level &&
	      !strncmp(attr->prog_name, "crmg_", 5);
	if (ask) {
		attr->log_level = LOG_STATS;
		attr->log_buf = (uintptr_t)log;
		attr->log_size = sizeof(log);
	}
	result = real(number, a);
	if (ask) {
		attr->log_buf = attr->log_size = attr->log_level = 0;
		if (result >= 0)
			tell(attr, log);
	}
	return result;
}
