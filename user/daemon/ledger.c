// SPDX-License-Identifier: GPL-2.0
/* ledger.c - when the ledger gets a record, and of what state of enforcement. */
#include "ledger.h"

#include <string.h>

#include "../base/util.h"
#include "parts.h"

static enum crmg_ledger_state state_of(const struct crmg_standing *standing)
{
	if (standing->panic)
		return CRMG_LEDGER_STATE_PANIC;
	if (!standing->whole)
		return CRMG_LEDGER_STATE_DETACHED;
	return standing->whole < standing->wanted ? CRMG_LEDGER_STATE_PARTIAL
						  : CRMG_LEDGER_STATE_ENFORCED;
}

static bool is_same(const struct crmg_standing *a, const struct crmg_standing *b)
{
	return a->generation == b->generation && state_of(a) == state_of(b);
}

static int read_all(struct crmg_ledger_keeper *keeper, struct crmg_kern *kern,
		    enum crmg_ledger_state state, struct crmg_err *err)
{
	struct crmg_snapshot snap;
	int code = crmg_kern_snapshot(kern, CRMG_SNAP_SOURCES, &snap, err);

	/* Under the lock that forget holds: none of these is in the tables any more. */
	if (!code && snap.control.forgotten != keeper->forgotten)
		crmg_ledger_book_unname(keeper->book);
	if (!code) {
		keeper->forgotten = snap.control.forgotten;
		code = crmg_ledger_book_sources(keeper->book, &snap);
	}
	if (!code)
		code = crmg_kern_snapshot(kern, 0, &snap, err);
	return code ? code : crmg_ledger_book_policies(keeper->book, &snap, state);
}

/* Days that are over for longer than the policy has files kept. */
static void expire(struct crmg_kern *kern, const struct crmg_state *folder, struct crmg_err *err)
{
	uint64_t now = crmg_clock_ns(CLOCK_REALTIME), keep;
	const struct crmg_image *image;

	if (crmg_kern_image(kern, &image, err))
		return;
	keep = crmg_image_head(image)->keep_s * CRMG_NS_PER_SEC;
	if (keep && now > keep)
		crmg_days_expire(folder, now, keep, err);
}

static int write_record(struct crmg_ledger_keeper *keeper, struct crmg_kern *kern,
			const struct crmg_state *folder, struct crmg_err *err)
{
	struct crmg_ledger_mark mark;
	int code = read_all(keeper, kern, keeper->state, err);

	if (!code)
		code = crmg_ledger_book_write(keeper->book, folder, &mark, err);
	if (code)
		return code;
	crmg_kern_ledger(kern, &mark);
	expire(kern, folder, err);
	return 0;
}

/* What was counted while nobody kept the ledger is a record of its own. */
static int begin(struct crmg_ledger_keeper *keeper, struct crmg_kern *kern,
		 const struct crmg_state *folder, struct crmg_err *told, struct crmg_err *err)
{
	struct crmg_ledger_mark mark;
	struct crmg_snapshot snap;
	int code = crmg_kern_snapshot(kern, 0, &snap, err);

	if (!code)
		code = crmg_ledger_book_open(folder, &snap, &keeper->book, &mark, err);
	if (!code || code == -EBADMSG)
		crmg_kern_ledger(kern, &mark);
	if (code == -EBADMSG) {
		crmg_err_warn(told, "%s: the end of the ledger is not there any more: what was counted "
			      "since is in no record", folder->path);
		code = 0;
	}
	keeper->state = CRMG_LEDGER_STATE_UNWATCHED;
	return code ? code : write_record(keeper, kern, folder, err);
}

/* told: warnings that are no failure. */
static int keep(struct crmg_ledger_keeper *keeper, struct crmg_kern *kern,
		struct crmg_err *told, struct crmg_err *err)
{
	crmg_autostate struct crmg_state folder = CRMG_STATE_INIT;
	int code = crmg_state_open(keeper->instance, true, &folder, err);
	crmg_autoclose int lock = code ? -1 : crmg_state_lock(&folder, CRMG_LEDGER_LOCK,
								   err);

	if (code || lock < 0)
		return code ? code : lock;
	return keeper->book ? write_record(keeper, kern, &folder, err)
			    : begin(keeper, kern, &folder, told, err);
}

static bool is_due(const struct crmg_ledger_keeper *keeper, const struct crmg_standing *now)
{
	if (crmg_clock_ns(CLOCK_BOOTTIME) >= keeper->due_ns)
		return true;
	/* A full disk is not asked each second. */
	return !keeper->failed && (!is_same(&keeper->standing, now) ||
		crmg_clock_ns(CLOCK_REALTIME) / CRMG_DAY_NS !=
		crmg_ledger_book_from(keeper->book) / CRMG_DAY_NS);
}

void crmg_ledger_keep(struct crmg_ledger_keeper *keeper, struct crmg_kern *kern, bool end,
		      struct crmg_err *err)
{
	static const char unwritten[] = "the ledger is not on the disk";
	struct crmg_err why = CRMG_ERR_INIT;
	struct crmg_standing now;
	int code;

	if (!kern) {
		crmg_ledger_keeper_close(keeper);
		return;
	}
	crmg_kern_standing(kern, &now);
	if (end || is_due(keeper, &now)) {
		code = keep(keeper, kern, err, &why);
		if (crmg_kern_trouble(kern, CRMG_TROUBLE_LEDGER, code, unwritten) && code)
			crmg_err_warn(err, "%s: %s", unwritten, why.count ? why.messages[0].text :
				      strerror(-code));
		crmg_err_clear(&why);
		keeper->failed = code;
		keeper->due_ns = crmg_clock_ns(CLOCK_BOOTTIME) + keeper->every_ns;
		if (!code)
			keeper->state = state_of(&now);
	}
	keeper->state = crmg_ledger_weaker(keeper->state, state_of(&now));
	keeper->standing = now;
}

void crmg_ledger_keeper_close(struct crmg_ledger_keeper *keeper)
{
	crmg_ledger_book_close(&keeper->book);
	keeper->due_ns = 0;
}
