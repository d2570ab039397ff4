// SPDX-License-Identifier: GPL-2.0
/* daemon.c - start: open, lock, listen, become harmless, serve; then wait for a signal. */
#include "daemon.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "../base/util.h"
#include "manage.h"
#include "parts.h"
#include "restore.h"

#define CONNECTIONS_MAX 256
#define WATCHDOG_MS     1000

/* Descriptors that a scrape may need for a moment: a new image, netlink, counters. */
#define SPARE_DESCRIPTORS 8

/*
 * What the descriptors allow, so that clients can never take those that a scrape
 * needs. At least 2: one to be served, one to take its place; -EMFILE if there is no room
 * for them, and no client would ever be accepted.
 */
static int connections_for(size_t sockets, struct crmg_err *err)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	DIR *own = opendir("/proc/self/fd");
	rlim_t used = 0, left;

	getrlimit(RLIMIT_NOFILE, &limit);
	while (own && readdir(own))
		used++;
	/* Two entries are the folders, and one the descriptor that reads them. */
	if (own && !closedir(own))
		used -= 3;
	/* Each server has two of its own: epoll, and one to be woken. */
	used += SPARE_DESCRIPTORS + 2 * sockets;
	left = limit.rlim_cur > used ? (limit.rlim_cur - used) / sockets : 0;
	if (left < 2)
		return crmg_err_set(err, -EMFILE, "%llu file descriptors leave none for clients: "
				    "'ulimit -n %llu' at least, or LimitNOFILE= of a service",
				    (unsigned long long)limit.rlim_cur,
				    (unsigned long long)(used + 2 * sockets));
	return left < CONNECTIONS_MAX ? (int)left : CONNECTIONS_MAX;
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

static void close_all(const int *sockets, size_t count)
{
	while (count)
		close(sockets[--count]);
}

static int listen_all(const struct crmg_daemon_options *options, int *sockets,
		      struct crmg_err *err)
{
	for (size_t i = 0; i < options->listen_count; i++) {
		int code = crmg_listen(options->listen[i], &sockets[i], err);

		if (code < 0) {
			close_all(sockets, i);
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

/* True if one of the signals that came ends the daemon. SIGHUP does not: no file is read again. */
static bool told_to_end(int fd)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		end |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
	return end;
}

/* Said by the one process that the service manager knows: by this one if nobody holds a leash. */
static void say_served(int leash)
{
	if (leash < 0)
		crmg_notify("READY=1");
	else
		(void)send(leash, "", 1, MSG_NOSIGNAL);
}

/* Until a signal, or until the other end of the leash (-1: none) is closed. */
static void wait_for_end(int told, int leash)
{
	struct pollfd sources[] = {
		{ .fd = told, .events = POLLIN },
		{ .fd = leash, .events = POLLIN },
	};

	do {
		if (leash < 0)
			crmg_notify("WATCHDOG=1");
		poll(sources, CRMG_ARRAY_SIZE(sources), leash < 0 ? WATCHDOG_MS : -1);
	} while (!sources[1].revents && !told_to_end(told));
	if (leash < 0)
		crmg_notify("STOPPING=1");
}

/* Takes the sockets over. */
static int serve(const struct crmg_daemon_options *options, const int *sockets,
		 const sigset_t *signals, int leash, struct crmg_kern **kern, struct crmg_err *err)
{
	int connections = connections_for(options->listen_count, err);
	crmg_autoclose int told = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	struct crmg_http *http;
	int code = connections < 0 ? connections : told < 0 ? -errno :
		   crmg_daemon_drop(options->user, crmg_kern_group(*kern), err);

	if (code < 0) {
		close_all(sockets, options->listen_count);
		return code;
	}
	crmg_err_print(err, stderr, !options->quiet);
	crmg_err_clear(err);
	code = crmg_http_start(sockets, options->listen_count, connections, options->instance, kern,
			       &http);
	if (code < 0)
		return crmg_err_set(err, code, "the HTTP server cannot be started: %s",
				    strerror(-code));
	announce(sockets, options->listen_count);
	say_served(leash);
	wait_for_end(told, leash);
	crmg_http_stop(&http);
	return 0;
}

static _Noreturn void serve_as_child(const struct crmg_daemon_options *options, const int *sockets,
				     const sigset_t *signals, int leash, struct crmg_kern **kern,
				     struct crmg_err *err)
{
	int code = serve(options, sockets, signals, leash, kern, err);

	if (code)
		crmg_err_print(err, stderr, !options->quiet);
	crmg_err_clear(err);
	crmg_kern_close(kern);
	_exit(code ? EXIT_FAILURE : EXIT_SUCCESS);
}

/*
 * Two processes: the child serves, without any right, and ends with the parent, which
 * manages and is nothing that a client can reach. No signal tells the child to: the parent
 * has no right to send one to another user's process.
 */
static int run_both(const struct crmg_daemon_options *options, const int *sockets,
		    const sigset_t *signals, struct crmg_kern **kern, struct crmg_err *err)
{
	struct crmg_exporter exporter;
	int leash[2], code;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, leash) < 0) {
		code = -errno;
		close_all(sockets, options->listen_count);
		return crmg_err_set(err, code, "no pair of sockets: %s", strerror(-code));
	}
	exporter = (struct crmg_exporter){ .pid = fork(), .leash = leash[1] };
	if (!exporter.pid) {
		close(leash[1]);
		serve_as_child(options, sockets, signals, leash[0], kern, err);
	}
	code = exporter.pid < 0 ? crmg_err_set(err, -errno, "cannot fork: %s", strerror(errno)) : 0;
	close(leash[0]);
	close_all(sockets, options->listen_count);
	crmg_kern_close(kern);
	if (!code)
		return crmg_manage_run(options, &exporter, signals, err);
	close(leash[1]);
	return code;
}

int crmg_daemon_run(const struct crmg_daemon_options *options, struct crmg_err *err)
{
	int sockets[CRMG_LISTEN_MAX];
	crmg_autoclose int lock = -1;
	__attribute__((cleanup(crmg_kern_close))) struct crmg_kern *kern = NULL;
	sigset_t signals;
	int code;

	/* Before any thread: all of them must leave these to wait_for_end(). */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (options->manage)
		sigaddset(&signals, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	code = options->manage ? crmg_manage_check(err) : 0;
	if (!code)
		code = crmg_daemon_lock(options->instance, &lock, err);
	if (!code && options->manage)
		code = crmg_restore(options->instance, err);
	if (!code) {
		/* Of the restore: what follows happens in two processes. */
		crmg_err_print(err, stderr, !options->quiet);
		crmg_err_clear(err);
		code = open_state(options->instance, &kern, err);
	}
	if (!code)
		code = listen_all(options, sockets, err);
	if (code < 0)
		return code;
	return options->manage ? run_both(options, sockets, &signals, &kern, err) :
				 serve(options, sockets, &signals, -1, &kern, err);
}
