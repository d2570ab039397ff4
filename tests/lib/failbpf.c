// SPDX-License-Identifier: GPL-2.0
/*
 * failbpf.c - a preloaded library that makes bpf() fail on purpose: the calls
 * from FAILBPF_FROM on (one only, if FAILBPF_ONLY is set), of FAILBPF_COMMAND or
 * of all commands, fail with FAILBPF_ERRNO; or the process is killed before that call
 * (FAILBPF_KILL). The number of calls goes to the file FAILBPF_COUNT at the end, "!"
 * after it if one was made to fail.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static long calls;
static long failed;

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : otherwise;
}

static int must_fail(long command)
{
	const long wanted = setting("FAILBPF_COMMAND", -1);
	const long from = setting("FAILBPF_FROM", 0);

	if (wanted >= 0 && wanted != command)
		return 0;
	calls++;
	return from && (getenv("FAILBPF_ONLY") ? calls == from : calls >= from);
}

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && must_fail(a[0])) {
		if (getenv("FAILBPF_KILL"))
			raise(SIGKILL);
		failed++;
		errno = (int)setting("FAILBPF_ERRNO", ENOMEM);
		return -1;
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
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
