/* SPDX-License-Identifier: GPL-2.0 */
/*
 * preload.h - a library that is preloaded before libbpf: what that asks the kernel for comes to
 * called(), which whoever includes this defines, and goes on with real().
 */
#ifndef CRMGATE_TEST_PRELOAD_H
#define CRMGATE_TEST_PRELOAD_H

#include <dlfcn.h>
#include <stdarg.h>

#define WORDS 6		/* of a system call, however many it reads */

static long called(long number, const long a[WORDS]);

static long real(long number, const long a[WORDS])
{
	static long (*next)(long, ...);

	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

long syscall(long number, ...)
{
	long a[WORDS];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < WORDS; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return called(number, a);
}

#endif
