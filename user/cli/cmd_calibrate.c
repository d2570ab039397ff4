// SPDX-License-Identifier: GPL-2.0
/* cmd_calibrate.c - requests counted beside those of a web server's log, over the same time. */
#include <signal.h>
#include <string.h>

#include "../base/follow.h"
#include "../base/num.h"
#include "../base/util.h"
#include "../report/calibrate.h"
#include "../report/text.h"
#include "cli.h"

#define DEFAULT_ROWS 20
#define DEFAULT_FOR  (60 * CRMG_NS_PER_SEC)
#define DEFAULT_LATE (5 * CRMG_NS_PER_SEC)
#define MAX_TIME     (86400 * CRMG_NS_PER_SEC)

/* How often the log is read: it may be rotated, but hardly twice in this time. */
#define LOOK_NS      (CRMG_NS_PER_SEC / 5)

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

struct trial {
	const struct crmg_args *args;
	struct crmg_kern *kern;
	struct crmg_snapshot snap;
	struct crmg_follow log;
	struct crmg_calibration cal;
	uint64_t for_ns;
	uint64_t late_ns;
	int code;		/* of the first line that could not be added */
};

/* Until a time of CLOCK_REALTIME, or a signal. */
static void sleep_until(uint64_t real_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(real_ns / CRMG_NS_PER_SEC),
		.tv_nsec = (long)(real_ns % CRMG_NS_PER_SEC),
	};

	clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
}

static void take_line(void *context, const char *line)
{
	struct trial *trial = context;

	if (!trial->code)
		trial->code = crmg_calibrate_line(&trial->cal, &trial->snap, line);
}

/* Reads the log until a time has come, or (early) a signal. */
static int follow_until(struct trial *trial, uint64_t real_ns, bool early, struct crmg_err *err)
{
	for (;;) {
		uint64_t now = crmg_clock_ns(CLOCK_REALTIME);
		int code = crmg_follow_read(&trial->log, take_line, trial);

		if (code)
			return crmg_err_set(err, code, "%s: cannot read: %s", trial->log.path,
					    strerror(-code));
		if (trial->code)
			return trial->code;
		if (now >= real_ns || (early && stopped))
			return 0;
		sleep_until(now + LOOK_NS < real_ns ? now + LOOK_NS : real_ns);
	}
}

static int read_counts(struct trial *trial, int (*take)(struct crmg_calibration *,
						    const struct crmg_snapshot *),
		       struct crmg_err *err)
{
	int code = crmg_kern_snapshot(trial->kern, CRMG_SNAP_SOURCES, &trial->snap, err);

	if (!code)
		code = take(&trial->cal, &trial->snap);
	if (code == -ESTALE && !err->errors)
		return crmg_err_set(err, code, "another policy came into force meanwhile: "
				    "calibrate again");
	return code;
}

/*
 * The log tells seconds only, so the time begins and ends with one. An interrupt ends it
 * early, with the second that runs.
 */
static int measure(struct trial *trial, struct crmg_err *err)
{
	uint64_t begin = crmg_clock_ns(CLOCK_REALTIME) / CRMG_NS_PER_SEC + 1, end;
	char from[CRMG_TIME_LEN];
	int code;

	sleep_until(begin * CRMG_NS_PER_SEC);
	code = read_counts(trial, crmg_calibrate_begin, err);
	if (code)
		return code;
	trial->cal.from_s = begin;
	trial->cal.to_s = begin + trial->for_ns / CRMG_NS_PER_SEC;
	crmg_cli_note(trial->args, "counting for %llu s from %s",
		      (unsigned long long)(trial->for_ns / CRMG_NS_PER_SEC),
		      crmg_format_utc(begin * CRMG_NS_PER_SEC, false, from, sizeof(from)));
	code = follow_until(trial, trial->cal.to_s * CRMG_NS_PER_SEC, true, err);
	if (code)
		return code;
	end = crmg_clock_ns(CLOCK_REALTIME) / CRMG_NS_PER_SEC + 1;
	if (end < trial->cal.to_s) {
		trial->cal.to_s = end;
		code = follow_until(trial, end * CRMG_NS_PER_SEC, false, err);
	}
	if (!code)
		code = read_counts(trial, crmg_calibrate_end, err);
	if (code)
		return code;
	crmg_cli_note(trial->args, "waiting %llu s for lines that are written late",
		      (unsigned long long)(trial->late_ns / CRMG_NS_PER_SEC));
	stopped = 0;
	return follow_until(trial, trial->cal.to_s * CRMG_NS_PER_SEC + trial->late_ns, true, err);
}

static int show(struct trial *trial, uint64_t rows)
{
	const struct crmg_calibration *cal = &trial->cal;

	if (trial->log.truncated)
		crmg_cli_note(trial->args, "the log was truncated while it was read: lines of it "
			      "may be missing");
	if (!cal->logged && cal->passed)
		crmg_cli_note(trial->args, "the log has no line of this time: is it the one of "
			      "this service, and does the server buffer it longer than --late?");
	if (trial->args->json)
		return crmg_cli_json(trial->args, crmg_calibrate_json(&trial->snap, cal));
	return crmg_cli_text(trial->args, crmg_calibrate_text(&trial->snap, cal, rows,
							    crmg_cli_colour(), stdout));
}

static int calibrate(struct trial *trial, uint64_t rows)
{
	struct crmg_err err = CRMG_ERR_INIT;
	int code = measure(trial, &err);

	if (code < 0)
		return crmg_cli_fail(trial->args, code, &err);
	crmg_cli_warnings(trial->args, &err);
	crmg_calibrate_reckon(&trial->cal);
	if (trial->cal.count || trial->cal.passed)
		return show(trial, rows);
	crmg_err_set(&err, -ENODATA, "nothing to compare: no request was counted at service %s, "
		     "and none was logged, in this time", crmg_arg(trial->args, "service"));
	return crmg_cli_fail(trial->args, -ENODATA, &err);
}

/* The service by its name: one whose requests are counted. */
static int find_service(struct trial *trial)
{
	const char *name = crmg_arg(trial->args, "service");
	const struct crmg_service *service;

	trial->cal.service = crmg_image_service_find(trial->snap.image, name);
	service = crmg_image_service(trial->snap.image, trial->cal.service);
	if (!service)
		return crmg_cli_usage(trial->args, "no service \"%s\"; see crmgate show services",
				      name);
	if (crmg_calibrate_counts(&trial->snap, trial->cal.service))
		return CRMG_EXIT_OK;
	return crmg_cli_usage(trial->args, "service %s: no policy of it has requests read, so "
			      "none are counted; a limit that is never reached will do, like "
			      "requests: {rate: 1M/s}, at a service of protocol http or tls", name);
}

static int read_time(const struct crmg_args *args, const char *option, uint64_t *ret_ns)
{
	const char *text = crmg_arg(args, option);

	if (!text || (!crmg_parse_time(text, ret_ns) && *ret_ns && *ret_ns <= MAX_TIME &&
		      *ret_ns % CRMG_NS_PER_SEC == 0))
		return CRMG_EXIT_OK;
	return crmg_cli_usage(args, "--%s %s: whole seconds up to a day, like 60s", option, text);
}

static int run(const struct crmg_args *args)
{
	static struct trial trial;	/* beginnings of lines: much for a stack */
	struct sigaction action = { .sa_handler = stop };
	const char *file = crmg_arg(args, "log"), *number = crmg_arg(args, "number");
	struct crmg_err err = CRMG_ERR_INIT;
	uint64_t rows = DEFAULT_ROWS;
	int status, code;

	trial = (struct trial){ .args = args, .for_ns = DEFAULT_FOR, .late_ns = DEFAULT_LATE };
	if (!crmg_arg(args, "service") || !file)
		return crmg_cli_usage(args, "needed are --service NAME and --log FILE, the access "
				      "log of its server");
	if (number && (crmg_parse_count(number, &rows) < 0 || !rows))
		return crmg_cli_usage(args, "-n %s: a number from 1 on", number);
	status = read_time(args, "for", &trial.for_ns);
	if (!status)
		status = read_time(args, "late", &trial.late_ns);
	if (status)
		return status;
	status = crmg_cli_snapshot(args, CRMG_SNAP_SOURCES, &trial.kern, &trial.snap);
	if (!status)
		status = find_service(&trial);
	if (!status) {
		code = crmg_follow_open(file, &trial.log, &err);
		status = code ? crmg_cli_fail(args, code, &err) : CRMG_EXIT_OK;
		if (!status) {
			sigaction(SIGINT, &action, NULL);
			sigaction(SIGTERM, &action, NULL);
			status = calibrate(&trial, rows);
		}
		crmg_follow_close(&trial.log);
	}
	crmg_calibrate_free(&trial.cal);
	crmg_kern_close(&trial.kern);
	return status;
}

const struct crmg_command crmg_command_calibrate = {
	.name = "calibrate",
	.operands = "",
	.summary = "Requests counted, beside those of the web server's access log",
	.help = "Follows the log of the server behind a service, in the common or the combined\n"
		"format of nginx and Apache, for whole seconds, and prints by source how many\n"
		"requests it has and how many the packet path counted and let pass. Of a service of\n"
		"protocol tls the count is an estimate, and this is how far it is off. A policy of\n"
		"the service must have requests read, as for a limit of them; lines of sources\n"
		"under others are left out. The log must be of this service alone, with the address\n"
		"that the packets come from (not one that a proxy passed on, and no host name).\n"
		"\n"
		"The log has a request when it was answered, the count when it came: those that are\n"
		"on their way when the time begins or ends make a difference, so let it be long.\n"
		"The log may be rotated meanwhile. An interrupt ends the time early, one more the wait\n"
		"for late lines. The exit status is 0 whatever the difference is, and 1 if there was\n"
		"no request at all.",
	.options = (const struct crmg_option[]){
		{ "service", 0, false, "NAME", "whose requests" },
		{ "log", 0, false, "FILE", "the access log of its server" },
		{ "for", 0, false, "TIME", "how long to count (default: 60s)" },
		{ "late", 0, false, "TIME", "how long to wait for lines that the server buffers "
		  "(default: 5s)" },
		{ "number", 'n', false, "N", "so many sources in the text (default: 20)" },
		{ 0 },
	},
	.run = run,
};
