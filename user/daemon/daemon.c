// SPDX-License-Identifier: GPL-2.0
/* daemon.c - start: open, lock, listen, become harmless, serve; then wait for a signal. */
#include "daemon.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "../base/util.h"
#include "parts.h"

#define CONNECTIONS_MAX 256

/* Descriptors that a scrape may need for a moment: a new image, netlink, counters. */
#define SPARE_DESCRIPTORS 8

/*
 * What the descriptors allow, so that clients can never take those that a scrape
 * needs. At least 2: one to be served, one to take its place.
 */
static unsigned int connections_for(size_t sockets)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	DIR *own = opendir("/proc/self/fd");
	rlim_t used = 0, left;

	getrlimit(RLIMIT_NOFILE, &limit);
	while (own && readdir(own))
		used++;
	if (own)
		closedir(own);
	/* Each server has two of its own: epoll, and one to be woken. */
	used += SPARE_DESCRIPTORS + 2 * sockets;
	left = limit.rlim_cur > used ? (limit.rlim_cur - used) / sockets : 0;
	return left < 2 ? 2 : left < CONNECTIONS_MAX ? (unsigned int)left : CONNECTIONS_MAX;
}

/*
 * Opens and reads everything once: what can only be mapped by root is mapped
 * then.
 */
static int open_state(const char *instance, struct crmg_kern **ret, struct crmg_err *err)
{
	struct crmg_snapshot snap;
	int code = crmg_kern_open(instance, CRMG_KERN_READ, ret, err);

	return code ? code
		    : crmg_kern_snapshot(*ret, CRMG_SNAP_SOURCES | CRMG_SNAP_BANS, &snap, err);
}

static int listen_all(const struct crmg_daemon_options *options, int *sockets,
		      struct crmg_err *err)
{
	for (size_t i = 0; i < options->listen_count; i++) {
		int code = crmg_listen(options->listen[i], &sockets[i], err);

		if (code < 0) {
			while (i)
				close(sockets[--i]);
			return code;
		}
	}
	return 0;
}

static void announce(const int *sockets, size_t count)
{
	char text[CRMG_LISTEN_LEN];

	printf("crmgate: serving");
	for (size_t i = 0; i < count; i++)
		printf(" http://%s/metrics", crmg_listen_text(sockets[i], text, sizeof(text)));
	printf(" (uid %u, pid %d)\n", (unsigned int)geteuid(), (int)getpid());
	fflush(stdout);
}

/* SIGHUP asks for nothing: there is no file to read again. */
static void wait_for_end(const sigset_t *signals)
{
	int number;

	do
		sigwait(signals, &number);
	while (number == SIGHUP);
}

static int serve(const int *sockets, size_t count, unsigned int connections,
		 const sigset_t *signals, struct crmg_kern *kern, struct crmg_err *err)
{
	struct crmg_http *http;
	int code = crmg_http_start(sockets, count, connections, kern, &http);

	if (code < 0)
		return crmg_err_set(err, code, "the HTTP server cannot be started: %s",
				    strerror(-code));
	announce(sockets, count);
	wait_for_end(signals);
	crmg_http_stop(&http);
	return 0;
}

int crmg_daemon_run(const struct crmg_daemon_options *options, struct crmg_err *err)
{
	int sockets[CRMG_LISTEN_MAX];
	crmg_autoclose int lock = -1;
	__attribute__((cleanup(crmg_kern_close))) struct crmg_kern *kern = NULL;
	unsigned int connections;
	sigset_t signals;
	int code;

	/* Before any thread: all of them must leave these to wait_for_end(). */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	code = open_state(options->instance, &kern, err);
	if (!code)
		code = crmg_daemon_lock(options->instance, &lock, err);
	if (!code)
		code = listen_all(options, sockets, err);
	if (code < 0)
		return code;
	connections = connections_for(options->listen_count);
	code = crmg_daemon_drop(options->user, crmg_kern_group(kern), err);
	if (code < 0) {
		for (size_t i = 0; i < options->listen_count; i++)
			close(sockets[i]);
		return code;
	}
	crmg_err_print(err, stderr, !options->quiet);
	crmg_err_clear(err);
	return serve(sockets, options->listen_count, connections, &signals, kern, err);
}
