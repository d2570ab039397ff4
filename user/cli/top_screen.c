// SPDX-License-Identifier: GPL-2.0
/*
 * top_screen.c - top on a terminal. Rates come from the last look at the same
 * sources: only those on the screen are remembered.
 */
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../report/text.h"
#include "top.h"

#define REFRESH_MS 1000

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

/* A source that was on the screen: its counters then, in the order of CRMG_TOPS. */
struct shown {
	uint32_t index;		/* slot */
	__u64 check;		/* whose slot it was */
	uint64_t value[CRMG_TOP_COUNT];
};

struct screen {
	struct shown *last;
	size_t last_count;
	uint64_t last_ns;	/* CLOCK_MONOTONIC */
	enum crmg_top_by by;
};

static const struct shown *find_last(const struct screen *screen, const struct crmg_top_row *row)
{
	for (size_t i = 0; i < screen->last_count; i++)
		if (screen->last[i].index == row->index &&
		    screen->last[i].check == row->source.slot.check)
			return &screen->last[i];
	return NULL;
}

/* What a request brought since the last look: no rate. */
static const char *each_text(const struct crmg_snapshot *snap, const struct shown *last,
			     const struct crmg_top_row *row, char buf[CRMG_SHORT_LEN])
{
	const struct crmg_source_record *source = &row->source;
	uint64_t requests = crmg_source_requests(snap, row->index, &source->slot);

	if (requests <= last->value[CRMG_TOP_REQUESTS] ||
	    source->detail.bytes_out < last->value[CRMG_TOP_BYTES_OUT])
		return "-";
	return crmg_format_short(crmg_top_each(source->detail.bytes_out -
					       last->value[CRMG_TOP_BYTES_OUT],
					       requests - last->value[CRMG_TOP_REQUESTS]),
				 buf, CRMG_SHORT_LEN);
}

/* Per second since the last look; a source that was not shown then has "-". */
static const char *rate_text(const struct screen *screen, const struct crmg_snapshot *snap,
			     const struct shown *last, const struct crmg_top_row *row,
			     enum crmg_top_by by, char buf[CRMG_SHORT_LEN])
{
	uint64_t value = crmg_top_value(snap, row->index, &row->source.slot, &row->source.detail,
					by);
	uint64_t ns = snap->mono_ns - screen->last_ns;

	if (!last || !ns)
		return "-";
	if (by == CRMG_TOP_OUT_PER_REQUEST)
		return each_text(snap, last, row, buf);
	if (value < last->value[by])
		return "-";
	return crmg_format_short((uint64_t)((double)(value - last->value[by]) *
					    CRMG_NS_PER_SEC / (double)ns),
				 buf, CRMG_SHORT_LEN);
}

/* One line, cut at the right edge of the terminal. */
static void put_line(int y, attr_t attributes, const char *text)
{
	attron(attributes);
	mvaddnstr(y, 0, text, COLS);
	attroff(attributes);
}

/* The column that is ordered by comes first after the source: it is seen at 20 columns too. */
static void draw_titles(const struct screen *screen)
{
	char line[256];
	int at = snprintf(line, sizeof(line), "%-*s %*s", COLS < 30 ? COLS - 7 : 20, "SOURCE",
			  COLS < 30 ? 6 : 9, crmg_top_title(screen->by));

	for (unsigned int by = 0; by < CRMG_TOP_COUNT; by++)
		if (by != screen->by)
			at += snprintf(line + at, sizeof(line) - (size_t)at, " %9s",
				       crmg_top_title(by));
	snprintf(line + at, sizeof(line) - (size_t)at, "  %-4s %s", "BAN", "SERVICE/POLICY");
	put_line(1, A_BOLD, line);
}

static void draw_row(const struct screen *screen, const struct crmg_snapshot *snap,
		     const struct crmg_top_row *row, int y)
{
	const struct crmg_service *service = crmg_image_service(snap->image, row->source.detail.service);
	const struct crmg_label *label = crmg_source_label(snap, &row->source);
	const struct shown *last = find_last(screen, row);
	char line[512], source[CRMG_ADDR_LEN], rate[CRMG_SHORT_LEN];
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)];
	/* On a narrow terminal the number moves up to the address, down to 6 digits. */
	int at = snprintf(line, sizeof(line), "%-*s %*s", COLS < 30 ? COLS - 7 : 20,
			  crmg_source_text(snap, &row->source.detail.addr, source, sizeof(source)),
			  COLS < 30 ? 6 : 9,
			  rate_text(screen, snap, last, row, screen->by, rate));

	for (unsigned int by = 0; by < CRMG_TOP_COUNT; by++)
		if (by != screen->by)
			at += snprintf(line + at, sizeof(line) - (size_t)at, " %9s",
				       rate_text(screen, snap, last, row, by, rate));
	at += snprintf(line + at, sizeof(line) - (size_t)at, "  %-4s %s",
		       crmg_top_banned_until(snap, &row->source) ? "ban" : "",
		       crmg_escape(service->name, CRMG_NAME_LEN, name, sizeof(name)));
	snprintf(line + at, sizeof(line) - (size_t)at, "/%s",
		 crmg_escape(label ? label->policy : "", CRMG_NAME_LEN, name, sizeof(name)));
	put_line(y, A_NORMAL, line);
}

static void remember(struct screen *screen, const struct crmg_snapshot *snap,
		     const struct crmg_top_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct shown *shown = &screen->last[i];

		shown->index = rows[i].index;
		shown->check = rows[i].source.slot.check;
		for (unsigned int by = 0; by < CRMG_TOP_COUNT; by++)
			shown->value[by] = crmg_top_value(snap, rows[i].index,
							  &rows[i].source.slot,
							  &rows[i].source.detail, by);
	}
	screen->last_count = count;
	screen->last_ns = snap->mono_ns;
}

static void draw(struct screen *screen, const struct crmg_snapshot *snap,
		 const struct crmg_top_row *rows, size_t count)
{
	char line[256];

	erase();
	snprintf(line, sizeof(line), "%u of %u sources, %u bans%s  per second  q quits, p b r c o a d "
		 "order", snap->tracked, snap->capacity,
		 snap->ban_count + snap->by_state[CRMG_SOURCE_BANNED],
		 snap->control.panic ? ", PANIC" : "");
	put_line(0, A_NORMAL, line);
	draw_titles(screen);
	for (size_t i = 0; i < count && (int)i + 2 < LINES; i++)
		draw_row(screen, snap, &rows[i], (int)i + 2);
	refresh();
}

static int loop(struct screen *screen, struct crmg_kern *kern, struct crmg_top_row *rows,
		size_t max, struct crmg_err *err)
{
	while (!stopped) {
		struct crmg_snapshot snap;
		size_t count;
		int key, code;

		code = crmg_kern_snapshot(kern, CRMG_SNAP_SOURCES | CRMG_SNAP_BANS, &snap, err);
		if (code < 0)
			return code;
		crmg_err_clear(err);
		count = crmg_top_select(&snap, screen->by, rows, max);
		draw(screen, &snap, rows, count);
		remember(screen, &snap, rows, count);
		key = getch();
		if (key == 'q')
			return 0;
		crmg_top_from_key(key, &screen->by);
	}
	return 0;
}

bool crmg_top_screen(const struct crmg_args *args, struct crmg_kern *kern, enum crmg_top_by by,
		     struct crmg_top_row *rows, size_t max, int *ret_status)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct sigaction action = { .sa_handler = stop };
	const char *term = getenv("TERM");
	crmg_autofree struct shown *last = calloc(max, sizeof(*last));
	struct screen screen = { .last = last, .by = by };
	SCREEN *terminal;
	int code;

	/* Not the numbers: a decimal comma would be another program's surprise. */
	setlocale(LC_CTYPE, "");
	if (!last || !term || !*term || strcmp(term, "dumb") == 0)
		return false;
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return false;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	cbreak();
	noecho();
	curs_set(0);
	timeout(REFRESH_MS);
	code = loop(&screen, kern, rows, max, &err);
	endwin();
	delscreen(terminal);
	*ret_status = code < 0 ? crmg_cli_fail(args, code, &err) : CRMG_EXIT_OK;
	return true;
}
