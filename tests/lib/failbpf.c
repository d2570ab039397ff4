// SPDX-License-Identifier: GPL-2.0
/*
 * failbpf.c - a preloaded library that makes bpf() fail on purpose: the calls
 * from FAILBPF_FROM on (one only, if FAILBPF_ONLY is set), of FAILBPF_COMMAND or
 * of all commands, or (FAILBPF_PIN) that open a pin of that name, fail with FAILBPF_ERRNO;
 * or the process is killed before that call (FAILBPF_KILL). The number of calls goes to the file
 * FAILBPF_COUNT at the end, "!" after it if one was made to fail.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "preload.h"

static long calls;
static long failed;

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : otherwise;
}

/* Does this call open a pin of that name? */
static int opens(const char *name, long command, const union bpf_attr *attr)
{
	const char *path = (const char *)(uintptr_t)attr->pathname, *last;

	last = command == BPF_OBJ_GET ? strrchr(path, '/') : NULL;
	return last && !strcmp(last + 1, name);
}

static int must_fail(long command, const union bpf_attr *attr)
{
	const long wanted = setting("FAILBPF_COMMAND", -1);
	const long from = setting("FAILBPF_FROM", 0);
	const char *pin = getenv("FAILBPF_PIN");

	if ((wanted >= 0 && wanted != command) || (pin && !opens(pin, command, attr)))
		return 0;
	calls++;
	return from && (getenv("FAILBPF_ONLY") ? calls == from : calls >= from);
}

static long called(long number, const long a[WORDS])
{
	if (number == SYS_bpf && must_fail(a[0], (const union bpf_attr *)a[1])) {
		if (getenv("FAILBPF_KILL"))
			raise(SIGKILL);
		failed++;
		errno = (int)setting("FAILBPF_ERRNO", ENOMEM);
		return -1;
	}
	return real(number, a);
}

static void __attribute__((destructor)) tell(void)
{
	const char *path = getenv("FAILBPF_COUNT");
	FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		return;
	fprintf(f, "%ld%s\n", calls, failed ? "!" : "");
	fclose(f);
}
