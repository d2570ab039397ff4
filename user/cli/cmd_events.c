// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_events.c - prints what the ring of events holds, and follows it. Any
 * number of readers see the same events.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "../base/util.h"
#include "../report/event.h"
#include "hiding.h"

#define BATCH   256
#define POLL_MS 200

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void print_event(const struct crmg_args *args, const struct crmg_event *event,
			uint64_t offset, const char *who)
{
	json_t *line;

	if (!args->json) {
		crmg_event_text(event, offset, who, stdout);
		return;
	}
	line = crmg_event_json(event, offset, who);
	json_dumpf(line, stdout, JSON_COMPACT);
	json_decref(line);
	putchar('\n');
}

/* hiding NULL: as they are. */
static int print_batch(const struct crmg_args *args, struct crmg_kern *kern,
		       struct crmg_hiding *hiding, struct crmg_event *events, size_t count,
		       struct crmg_err *err)
{
	uint64_t offset = crmg_clock_ns(CLOCK_REALTIME) - crmg_clock_ns(CLOCK_BOOTTIME);
	int code = hiding && count ? crmg_hiding_look(hiding, args->instance, kern, err) : 0;
	char buf[CRMG_PSEUDONYM_LEN];
	const char *who = NULL;

	for (size_t i = 0; !code && i < count; i++) {
		if (hiding)
			code = crmg_hide(hiding, &events[i], offset, buf, &who, err);
		if (!code)
			print_event(args, &events[i], offset, who);
	}
	return code;
}

/* Waits for the next look; false when the reader of stdout has gone. */
static bool wait_a_little(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return poll(&out, 1, POLL_MS) <= 0;
}

static int print_events(const struct crmg_args *args, struct crmg_kern *kern,
			struct crmg_event *events)
{
	uint64_t head = crmg_kern_event_head(kern), lost = 0;
	uint64_t cursor = head > CRMG_EVENT_RING ? head - CRMG_EVENT_RING : 0;
	crmg_autohiding struct crmg_hiding hiding = CRMG_HIDING_INIT;
	bool follow = crmg_arg(args, "follow"), private = crmg_arg(args, "private");
	struct crmg_err err = CRMG_ERR_INIT;
	int status = CRMG_EXIT_OK, code;

	while (!stopped && !status) {
		size_t count = crmg_kern_events(kern, &cursor, events, BATCH, &lost);

		code = print_batch(args, kern, private ? &hiding : NULL, events, count, &err);
		if (code)
			return crmg_cli_fail(args, code, &err);
		if (lost)
			crmg_cli_note(args, "%llu events were overwritten before they were read",
				      (unsigned long long)lost);
		lost = 0;
		if (count == BATCH)
			continue;
		status = crmg_cli_finish();
		if (!follow || !wait_a_little())
			break;
	}
	return status ? status : crmg_cli_finish();
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct sigaction action = { .sa_handler = stop };
	crmg_autokern struct crmg_kern *kern = NULL;
	crmg_autofree struct crmg_event *events = calloc(BATCH, sizeof(*events));
	int code = events ? crmg_kern_open(args->instance, CRMG_KERN_READ, &kern, &err) : -ENOMEM;

	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	if (crmg_arg(args, "follow")) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
	}
	return print_events(args, kern, events);
}

const struct crmg_command crmg_command_events = {
	.name = "events",
	.operands = "",
	.summary = "Limits exceeded, bans, applies, attaches: the last 4096",
	.help = "The first refusal of a source is an event of its own, further ones are summed up by\n"
		"source and second. ban and unban tell of automatic bans too; share: a source was not\n"
		"banned, because it has most of the service's packets. With --json each line is a\n"
		"document. What is kept in a file or a journal is better asked for with --private: of\n"
		"addresses, which are whole without it, it has /24 and /48, or pseudonyms (as root).",
	.options = (const struct crmg_option[]){
		{ "follow", 'f', false, NULL, "go on as they come, until interrupted" },
		{ "private", 0, false, NULL, "addresses as `privacy` has them in files, "
		  "no notes of bans" },
		{ 0 },
	},
	.run = run,
};
