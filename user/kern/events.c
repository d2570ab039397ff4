// SPDX-License-Identifier: GPL-2.0
/* events.c - the ring of events: reading it, and adding what a command did. */
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "../base/util.h"
#include "../report/names.h"
#include "internal.h"

static struct crmg_event *crmg_event_at(struct crmg_kern *kern, uint64_t seq)
{
	return (struct crmg_event *)kern->view[CRMG_MAP_EVENTS].memory + seq % CRMG_EVENT_RING;
}

static struct crmg_scratch *crmg_event_scratch(struct crmg_kern *kern)
{
	return kern->view[CRMG_MAP_SCRATCH].memory;
}

/* Who is behind this command: sudo keeps the name. */
static const char *crmg_event_user(const struct crmg_kern *kern)
{
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *user = kern->actor ? NULL : getpwuid(getuid());

	return kern->actor ? kern->actor : sudo && sudo[0] ? sudo : user ? user->pw_name : "?";
}

/* A ban's detail is "origin: note"; a note may name people, and stays out of the audit log. */
static void crmg_event_audit(struct crmg_kern *kern, enum crmg_event_kind kind,
			     const struct crmg_pfx *prefix, const char *service,
			     const char *detail)
{
	char text[sizeof(((struct crmg_event *)0)->detail)];

	/* What was seen is nothing that somebody did. */
	if (kind == CRMG_EVENT_PATIENT)
		return;
	crmg_copy(text, sizeof(text), detail);
	if (prefix)
		text[strcspn(text, ":")] = '\0';
	crmg_audit_add(kern, crmg_event_name(kind), prefix, service, text);
}

void crmg_kern_unread(struct crmg_kern *kern, bool unread)
{
	struct crmg_scratch *scratch = crmg_event_scratch(kern);

	if (!unread)
		scratch->unread_ns = 0;
	else if (!scratch->unread_ns)
		scratch->unread_ns = crmg_clock_ns(CLOCK_REALTIME);
}

void crmg_event_add(struct crmg_kern *kern, enum crmg_event_kind kind,
		    const struct crmg_pfx *prefix, const char *service, const char *format, ...)
{
	uint64_t seq = __atomic_add_fetch(&crmg_event_scratch(kern)->event_seq, 1,
					  __ATOMIC_SEQ_CST);
	struct crmg_event *event = crmg_event_at(kern, seq);
	const char *actor;
	va_list args;
	size_t used;

	__atomic_exchange_n(&event->seq, 0, __ATOMIC_SEQ_CST);
	event->time_ns = crmg_clock_ns(CLOCK_BOOTTIME);
	event->count = 0;
	event->addr = prefix ? prefix->addr : (struct crmg_addr){ 0, 0 };
	event->kind = kind;
	event->reason = 0;
	event->verdict = 0;
	event->len = prefix ? prefix->len : 0;
	event->generation = kern->image.cells ? crmg_image_head(&kern->image)->generation : 0;
	crmg_copy(event->service, sizeof(event->service), service);
	event->policy[0] = '\0';
	va_start(args, format);
	vsnprintf(event->detail, sizeof(event->detail), format, args);
	va_end(args);
	/* The audit log has users of its own, but not what else it was. */
	if (!kern->actor)
		crmg_event_audit(kern, kind, prefix, service, event->detail);
	actor = crmg_event_user(kern);
	used = strlen(event->detail);
	if (actor[0])
		snprintf(event->detail + used, sizeof(event->detail) - used, " by %s", actor);
	if (kern->actor)
		crmg_event_audit(kern, kind, prefix, service, event->detail);
	__atomic_exchange_n(&event->seq, seq, __ATOMIC_SEQ_CST);
}

static void crmg_events_refresh(struct crmg_kern *kern)
{
	crmg_view_refresh(&kern->view[CRMG_MAP_SCRATCH], kern->map[CRMG_MAP_SCRATCH],
			  sizeof(struct crmg_scratch), 1);
	crmg_view_refresh(&kern->view[CRMG_MAP_EVENTS], kern->map[CRMG_MAP_EVENTS],
			  sizeof(struct crmg_event), CRMG_EVENT_RING);
}

uint64_t crmg_kern_event_head(struct crmg_kern *kern)
{
	crmg_view_refresh(&kern->view[CRMG_MAP_SCRATCH], kern->map[CRMG_MAP_SCRATCH],
			  sizeof(struct crmg_scratch), 1);
	return __atomic_load_n(&crmg_event_scratch(kern)->event_seq, __ATOMIC_ACQUIRE);
}

size_t crmg_kern_events(struct crmg_kern *kern, uint64_t *cursor, struct crmg_event *ret,
			size_t max, uint64_t *ret_lost)
{
	uint64_t head = crmg_kern_event_head(kern), oldest;
	size_t count = 0;

	if (head == *cursor)
		return 0;
	crmg_events_refresh(kern);
	oldest = head > CRMG_EVENT_RING ? head - CRMG_EVENT_RING : 0;
	if (*cursor < oldest) {
		*ret_lost += oldest - *cursor;
		*cursor = oldest;
	}
	while (*cursor < head && count < max) {
		struct crmg_event *event = crmg_event_at(kern, *cursor + 1);
		uint64_t before = __atomic_load_n(&event->seq, __ATOMIC_ACQUIRE);

		ret[count] = *event;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (before == *cursor + 1 &&
		    __atomic_load_n(&event->seq, __ATOMIC_RELAXED) == before) {
			count++;
		} else if (before <= *cursor) {
			/*
			 * Not written yet. Its writer may have died: do not wait for ever when
			 * others have long gone on.
			 */
			if (head - *cursor < CRMG_EVENT_RING / 4)
				break;
			++*ret_lost;
		} else {
			++*ret_lost;	/* overwritten while it was read */
		}
		++*cursor;
	}
	return count;
}
