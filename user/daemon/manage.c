// SPDX-License-Identifier: GPL-2.0
/*
 * manage.c - the managing daemon: a table of jobs, each done every so often, and sooner when
 * the kernel tells of something that it is about.
 */
#include "manage.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/journal.h"
#include "../base/num.h"
#include "../base/util.h"
#include "../kern/saved.h"
#include "../report/patient.h"
#include "../report/watch.h"
#include "ledger.h"
#include "panicfile.h"
#include "parts.h"

#define PROVE_PERIOD_S 60

/* A finding that has passed, as of an interface that was away just then, ends soon. */
#define UNPROVEN_PERIOD_S 3

/* How sources ask is judged by hours. */
#define PATIENT_PERIOD_S 60

/* After a failure to save: a full disk is not asked each second. */
#define SAVE_AGAIN_NS (10 * CRMG_NS_PER_SEC)

struct manager {
	const struct crmg_daemon_options *options;
	struct crmg_kern *kern;		/* NULL: nothing is attached now */
	struct crmg_exporter *exporter;
	uint32_t generation;		/* that was proven last */
	bool prove_now;
	char unproven[CRMG_PROOF_TEXT];	/* the finding that was told last; "": none */
	struct crmg_contract_watch contracts;
	struct crmg_patient_watch patient;
	struct crmg_save_marks saved;
	uint64_t save_ns;		/* not before; CLOCK_BOOTTIME */
	struct crmg_ledger_keeper ledger;
	struct crmg_own_watch own;
	struct crmg_journal journal;
};

struct job {
	unsigned int period_s;
	void (*run)(struct manager *m, struct crmg_err *err);
	uint64_t next_ns;
};

static uint64_t now_ns(void)
{
	return crmg_clock_ns(CLOCK_BOOTTIME);
}

static void write_journal(struct manager *m, struct crmg_err *err)
{
	crmg_journal_write(&m->journal, err, now_ns(), stderr);
}

/* -------------------------------------------------------------------- jobs */

/* Opens the state; that there is none yet, or no more, is nothing to speak of. */
static void open_state(struct manager *m)
{
	struct crmg_err ignored = CRMG_ERR_INIT;

	if (crmg_kern_open(m->options->instance, CRMG_KERN_MANAGE, &m->kern, &ignored) < 0)
		m->kern = NULL;
	else
		crmg_kern_note(m->kern, CRMG_EVENT_MANAGE, "managing begins");
	crmg_err_clear(&ignored);
	m->prove_now = true;
	m->saved = (struct crmg_save_marks){ 0 };
	m->own = (struct crmg_own_watch){ 0 };
}

static void tend(struct manager *m, struct crmg_err *err)
{
	const struct crmg_image *image;
	bool restored = false;
	int code;

	if (!m->kern)
		open_state(m);
	if (!m->kern)
		return;
	code = crmg_kern_tend(m->kern, &restored, err);
	if (code == -ESTALE) {
		crmg_err_warn(err, "the state was removed; waiting for 'crmgate attach'");
		crmg_kern_close(&m->kern);
		return;
	}
	if (!code)
		code = crmg_kern_image(m->kern, &image, err);
	if (code)
		return;
	if (restored || crmg_image_head(image)->generation != m->generation)
		m->prove_now = true;
	m->generation = crmg_image_head(image)->generation;
	crmg_kern_beat(m->kern, true);
}

static void own_addresses(struct manager *m, struct crmg_err *err)
{
	if (m->kern)
		crmg_kern_own(m->kern, &m->own, err);
}

/* What is not enforced is in the result that was stored, and an event; said once. */
static void prove(struct manager *m, struct crmg_err *err)
{
	struct crmg_proof proof;

	if (!m->kern || crmg_kern_prove(m->options->instance, PROVE_PERIOD_S, &proof, err))
		return;
	if (proof.failures && strcmp(m->unproven, proof.text[0]))
		crmg_err_warn(err, "not enforced: %s", proof.text[0]);
	crmg_copy(m->unproven, sizeof(m->unproven), proof.failures ? proof.text[0] : "");
}

static void prove_again(struct manager *m, struct crmg_err *err)
{
	if (m->kern && crmg_kern_unproven(m->kern))
		prove(m, err);
}

static void prove_changed(struct manager *m, struct crmg_err *err)
{
	if (m->prove_now) {
		m->prove_now = false;
		prove(m, err);
	}
}

static void tell_contract(void *ctx, const char *text)
{
	crmg_kern_note(ctx, CRMG_EVENT_CONTRACT, text);
}

/* The packet path judges contracts by itself; here it is only told. */
static void contracts(struct manager *m, struct crmg_err *err)
{
	const struct crmg_image *image;

	if (!m->kern || crmg_kern_image(m->kern, &image, err))
		return;
	if (crmg_contracts_watch(&m->contracts, image, crmg_clock_ns(CLOCK_REALTIME),
				 tell_contract, m->kern) < 0)
		crmg_err_warn(err, "contracts are not looked at: no memory");
}

static void tell_patient(void *ctx, const struct crmg_pfx *source, const char *service,
			 const char *text)
{
	crmg_kern_note_of(ctx, CRMG_EVENT_PATIENT, source, service, text);
}

static void patients(struct manager *m, struct crmg_err *err)
{
	struct crmg_snapshot snap;

	if (!m->kern || crmg_kern_snapshot(m->kern, CRMG_SNAP_SOURCES, &snap, err))
		return;
	if (crmg_patient_look(&m->patient, &snap, tell_patient, m->kern) < 0)
		crmg_err_warn(err, "patient sources are not looked for: no memory");
}

static void save_state(struct manager *m, bool all, struct crmg_err *err)
{
	static const char unsaved[] = "policy, bans and budgets are not on the disk";
	struct crmg_err why = CRMG_ERR_INIT;
	bool failed;

	if (!m->kern || (!all && now_ns() < m->save_ns))
		return;
	failed = crmg_kern_save(m->kern, all, &m->saved, &why);
	/* Said once, as long as it stays so. */
	if (crmg_kern_trouble(m->kern, CRMG_TROUBLE_UNSAVED, failed, unsaved) && failed)
		crmg_err_warn(err, "%s: %s", unsaved, why.count ? why.messages[0].text : "no memory");
	m->save_ns = failed ? now_ns() + SAVE_AGAIN_NS : 0;
	crmg_err_clear(&why);
}

static void save(struct manager *m, struct crmg_err *err)
{
	save_state(m, false, err);
}

static void keep_ledger(struct manager *m, struct crmg_err *err)
{
	crmg_ledger_keep(&m->ledger, m->kern, false, err);
}

/* In this order: what was put back is proven at once. The first two also when interfaces change. */
static struct job jobs[] = {
	{ 1, tend, 0 },
	{ 1, own_addresses, 0 },
	{ 1, prove_changed, 0 },
	{ UNPROVEN_PERIOD_S, prove_again, 0 },
	{ 1, contracts, 0 },
	{ 1, save, 0 },
	{ 1, keep_ledger, 0 },
	{ PROVE_PERIOD_S, prove, 0 },
	{ PATIENT_PERIOD_S, patients, 0 },
};

static void run_jobs(struct manager *m)
{
	struct crmg_err err = CRMG_ERR_INIT;

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(jobs); i++) {
		if (jobs[i].next_ns > now_ns())
			continue;
		jobs[i].next_ns = now_ns() + jobs[i].period_s * CRMG_NS_PER_SEC - CRMG_NS_PER_SEC / 10;
		jobs[i].run(m, &err);
		write_journal(m, &err);
	}
}

/* ----------------------------------------------------------------- sources */

enum source { SOURCE_SIGNALS, SOURCE_CLOCK, SOURCE_LINKS, SOURCE_EXPORTER, SOURCE_COUNT };

/* A timer that ticks each second. */
static int open_clock(void)
{
	const struct itimerspec each = { .it_interval.tv_sec = 1, .it_value.tv_nsec = 1 };
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &each, NULL);
	return fd;
}

/* Changes of interfaces and addresses. What is lost of them the clock makes good. */
static int open_links(void)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int open_sources(struct pollfd *sources, const sigset_t *signals, int exporter,
			struct crmg_err *err)
{
	const int fds[SOURCE_COUNT] = {
		[SOURCE_SIGNALS] = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK),
		[SOURCE_CLOCK] = open_clock(),
		[SOURCE_LINKS] = open_links(),
		[SOURCE_EXPORTER] = exporter,
	};
	int code = 0;

	for (size_t i = 0; i < SOURCE_COUNT; i++) {
		sources[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
		if (fds[i] < 0)
			code = -EMFILE;
	}
	return code ? crmg_err_set(err, code, "a timer, a signalfd or a netlink socket cannot be "
				   "made: raise the limit of open files") : 0;
}

static void drain(int fd)
{
	char buf[8192];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

/* Once: it serves, and what was missing at the start was looked for. Or it has ended. */
static void hear_exporter(struct pollfd *source)
{
	char byte;

	if (recv(source->fd, &byte, 1, MSG_DONTWAIT) == 1)
		crmg_notify("READY=1");
	source->fd = -1;
}

/* True if one of them ends the daemon; *ret_code then. */
static bool read_signals(struct manager *m, int fd, int *ret_code, struct crmg_err *err)
{
	struct signalfd_siginfo info;
	bool asked = false, dead = false;
	int status = 0;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		asked |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
		dead |= info.ssi_signo == SIGCHLD &&
			waitpid(m->exporter->pid, &status, WNOHANG) == m->exporter->pid;
	}
	if (!dead)
		return asked;
	m->exporter->pid = -1;
	if (!asked && status)
		*ret_code = crmg_err_set(err, -ECHILD, "the process that serves /metrics ended by "
					 "itself");
	return true;
}

/* -------------------------------------------------------------------- life */

int crmg_manage_check(struct crmg_err *err)
{
	if (geteuid())
		return crmg_err_set(err, -EPERM, "--manage must start as root: the pins are root's; "
				    "it keeps CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON only");
	return 0;
}

static void stop(struct manager *m)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_proof proof;

	if (m->kern) {
		save_state(m, true, &err);
		crmg_ledger_keep(&m->ledger, m->kern, true, &err);
		crmg_kern_note(m->kern, CRMG_EVENT_MANAGE, "managing ends");
		(void)crmg_own_set(m->kern, &m->own, NULL, 0, 0);
		crmg_kern_beat(m->kern, false);
		(void)crmg_kern_prove(m->options->instance, 0, &proof, &err);
	}
	crmg_err_clear(&err);
	crmg_ledger_keeper_close(&m->ledger);
	crmg_contract_watch_free(&m->contracts);
	crmg_patient_watch_free(&m->patient);
	crmg_kern_close(&m->kern);
	close(m->exporter->leash);
	if (m->exporter->pid > 0)
		waitpid(m->exporter->pid, NULL, 0);
}

int crmg_manage_run(const struct crmg_daemon_options *options, struct crmg_exporter *exporter,
		    const sigset_t *signals, struct crmg_err *err)
{
	struct manager m = {
		.options = options, .exporter = exporter, .journal.quiet = options->quiet,
		.ledger = { .instance = options->instance, .every_ns = options->ledger_every_ns },
	};
	struct pollfd sources[SOURCE_COUNT];
	struct crmg_panic_watch *panic = NULL;
	int code = open_sources(sources, signals, exporter->leash, err);

	if (!code)
		code = crmg_daemon_keep(err);
	if (!code)
		code = crmg_panic_watch_start(options->instance, &panic, err);
	while (!code) {
		run_jobs(&m);
		crmg_notify("WATCHDOG=1");
		while (poll(sources, SOURCE_COUNT, -1) < 0 && errno == EINTR)
			;
		if (read_signals(&m, sources[SOURCE_SIGNALS].fd, &code, err))
			break;
		drain(sources[SOURCE_CLOCK].fd);
		if (sources[SOURCE_LINKS].revents) {
			drain(sources[SOURCE_LINKS].fd);
			jobs[0].next_ns = jobs[1].next_ns = 0;
		}
		if (sources[SOURCE_EXPORTER].revents)
			hear_exporter(&sources[SOURCE_EXPORTER]);
	}
	crmg_notify("STOPPING=1");
	crmg_panic_watch_stop(&panic);
	sources[SOURCE_EXPORTER].fd = -1;
	stop(&m);
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		if (sources[i].fd >= 0)
			close(sources[i].fd);
	return code;
}
