// SPDX-License-Identifier: GPL-2.0
/*
 * tend.c - what the managing daemon does again and again: looks whether every pin and
 * every program is where it belongs, and puts back what is not. It attaches the pinned
 * programs, never others: an older daemon must not undo an upgrade.
 */
#include <stdarg.h>
#include <string.h>

#include "../base/util.h"
#include "takeover.h"
#include "tend.h"

/* After something that did not work; a command must not find the lock taken all the time. */
#define CRMG_TEND_AGAIN_NS 2000000000ULL

bool crmg_tend_lock(struct crmg_tend *t)
{
	struct crmg_err busy = CRMG_ERR_INIT;

	t->busy = crmg_kern_lock(t->kern, &busy) < 0;
	crmg_err_clear(&busy);
	return !t->busy && !crmg_kern_gone(t->kern);
}

void crmg_tend_event(struct crmg_tend *t, enum crmg_event_kind kind, const char *format, ...)
{
	char text[CRMG_TEND_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	crmg_kern_note(t->kern, kind, text);
	crmg_err_warn(t->err, "%s", text);
}

uint32_t crmg_kern_gone(const struct crmg_kern *kern)
{
	const struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;

	return __atomic_load_n(&control->gone, __ATOMIC_ACQUIRE);
}

/* Pins of the links of an interface, once it is known to be attached. */
static int crmg_tend_links(struct crmg_tend *t, const struct crmg_iface *iface)
{
	const struct crmg_iface *first = t->kern->view[CRMG_MAP_IFACES].memory;
	const struct crmg_iface_links *links = &t->kern->links[iface - first];
	unsigned int restored = 0;
	char pin[CRMG_PIN_LEN];
	int code;

	code = crmg_tend_pin(t, crmg_pin_link("xdp", iface->name, pin, sizeof(pin)), links->xdp,
			     &restored);
	if (!code && iface->tc_kind == CRMG_TC_TCX)
		code = crmg_tend_pin(t, crmg_pin_link("tc", iface->name, pin, sizeof(pin)),
				     links->tc, &restored);
	if (restored) {
		crmg_tend_event(t, CRMG_EVENT_LOST, "%s: the pin of its link was removed",
				iface->name);
		crmg_tend_event(t, CRMG_EVENT_RESTORED, "%s: the pin of its link", iface->name);
		t->restored = true;
	}
	return code;
}

static struct crmg_held_iface *crmg_tend_memory(struct crmg_tend *t, const struct crmg_iface *iface)
{
	const struct crmg_iface *first = t->kern->view[CRMG_MAP_IFACES].memory;
	struct crmg_held_iface *memory = &t->kern->held->iface[iface - first];

	if (strcmp(memory->name, iface->name)) {
		*memory = (struct crmg_held_iface){ 0 };
		crmg_copy(memory->name, sizeof(memory->name), iface->name);
	}
	return memory;
}

static void crmg_tend_lost(struct crmg_tend *t, const struct crmg_iface *iface, const char *what)
{
	struct crmg_held_iface *memory = crmg_tend_memory(t, iface);

	if (!memory->lost)
		crmg_tend_event(t, CRMG_EVENT_LOST, "%s: %s", iface->name, what);
	memory->lost = true;
}

/* Each complaint once, as long as it stays the same. */
static void crmg_tend_complain(struct crmg_tend *t, const struct crmg_iface *iface,
			       const struct crmg_err *why)
{
	struct crmg_held_iface *memory = crmg_tend_memory(t, iface);
	const char *text = why->count ? why->messages[why->count - 1].text : "cannot be attached";

	if (!strncmp(memory->said, text, sizeof(memory->said) - 1))
		return;
	crmg_copy(memory->said, sizeof(memory->said), text);
	crmg_tend_event(t, CRMG_EVENT_MANAGE, "%s", text);
}

static void crmg_tend_mend(struct crmg_tend *t, struct crmg_iface *entry, bool xdp, bool tc)
{
	struct crmg_err why = CRMG_ERR_INIT;
	/* What was generic, or at TC, stays so if it may have been asked for. */
	const struct crmg_attach_options options = {
		.mode = entry->fell_back ? CRMG_ATTACH_AUTO :
			entry->xdp_mode == CRMG_XDP_GENERIC ? CRMG_ATTACH_GENERIC :
			entry->xdp_mode == CRMG_XDP_TC ? CRMG_ATTACH_TC : CRMG_ATTACH_AUTO,
		.tc = CRMG_TC_CHOICE_AUTO,
		.chain = entry->chained,
	};
	struct crmg_attaching a = {
		.kern = t->kern,
		.options = &options,
		.xdp_prog = t->kern->held->pin[HELD_XDP].fd,
		.tc_in_prog = t->kern->held->pin[HELD_TC_IN].fd,
		.tc_prog = t->kern->held->pin[HELD_TC].fd,
		.xdp_id = crmg_prog_id(t->kern->held->pin[HELD_XDP].fd),
		.tc_in_id = crmg_prog_id(t->kern->held->pin[HELD_TC_IN].fd),
		.tc_id = crmg_prog_id(t->kern->held->pin[HELD_TC].fd),
		.err = &why,
	};
	struct crmg_held_iface *memory = crmg_tend_memory(t, entry);
	int code = crmg_iface_mend(&a, entry, xdp, tc);

	if (code) {
		crmg_tend_complain(t, entry, &why);
		memory->again_ns = crmg_clock_ns(CLOCK_BOOTTIME) + CRMG_TEND_AGAIN_NS;
	} else {
		crmg_tend_event(t, CRMG_EVENT_RESTORED, "%s: attached (%s)", entry->name,
				xdp && tc ? "xdp, tc" : xdp ? "xdp" : "tc");
		if (why.count)
			crmg_tend_event(t, CRMG_EVENT_MANAGE, "%s", why.messages[0].text);
		*memory = (struct crmg_held_iface){ 0 };
		t->restored = true;
	}
	crmg_err_clear(&why);
}

/* What became of an interface that is not there under its name and index. */
enum crmg_absence {
	CRMG_ABSENT_GONE,	/* or not there yet */
	CRMG_ABSENT_RENAMED,
	CRMG_ABSENT_MOVED,	/* to another network namespace: its programs went with it */
	CRMG_ABSENT_ANEW,	/* there is one of that name, which is another one */
};

static enum crmg_absence crmg_tend_absence(const struct crmg_iface *entry,
					   const struct crmg_iface_links *links)
{
	char name[IF_NAMESIZE];

	/* What is held of XDP in a dispatcher is no link. */
	if (entry->ifindex &&
	    ((!entry->chained && crmg_link_ifindex(links->xdp) == entry->ifindex) ||
	     crmg_link_ifindex(links->tc) == entry->ifindex))
		return if_indextoname(entry->ifindex, name) ? CRMG_ABSENT_RENAMED :
							      CRMG_ABSENT_MOVED;
	return if_nametoindex(entry->name) ? CRMG_ABSENT_ANEW : CRMG_ABSENT_GONE;
}

static void crmg_tend_renamed(struct crmg_tend *t, struct crmg_iface *entry)
{
	char name[IF_NAMESIZE], old[IF_NAMESIZE];

	if (!if_indextoname(entry->ifindex, name) || crmg_iface_find(t->kern, name))
		return;
	crmg_copy(old, sizeof(old), entry->name);
	if (!crmg_iface_rename(t->kern, entry, name)) {
		crmg_tend_event(t, CRMG_EVENT_RESTORED, "%s is now %s", old, name);
		t->restored = true;
	}
}

static void crmg_tend_absent(struct crmg_tend *t, struct crmg_iface *entry)
{
	const struct crmg_iface *first = t->kern->view[CRMG_MAP_IFACES].memory;
	const struct crmg_iface_links *links = &t->kern->links[entry - first];

	switch (crmg_tend_absence(entry, links)) {
	case CRMG_ABSENT_MOVED:
		crmg_tend_lost(t, entry, "moved to another network namespace, and goes on there");
		break;
	case CRMG_ABSENT_RENAMED:
		crmg_tend_renamed(t, entry);
		break;
	case CRMG_ABSENT_GONE:
		crmg_tend_lost(t, entry, entry->ifindex ? "the interface is gone; waiting for it" :
							  "waiting for it");
		/* The link of an interface that is gone does nothing any more. */
		crmg_iface_unlink(t->kern, entry);
		crmg_iface_let_go(t->kern, entry);
		break;
	case CRMG_ABSENT_ANEW:
		if (entry->ifindex)
			crmg_tend_lost(t, entry, "the interface was removed and made anew");
		entry->ifindex = if_nametoindex(entry->name);
		crmg_tend_mend(t, entry, true, true);
		break;
	}
}

/* True if all that an interface should have is on it and pinned. */
static bool crmg_tend_whole(struct crmg_tend *t, const struct crmg_iface *entry,
			    const struct crmg_iface_state *state)
{
	const struct crmg_iface *first = t->kern->view[CRMG_MAP_IFACES].memory;
	const struct crmg_iface_links *links = &t->kern->links[entry - first];
	char pin[CRMG_PIN_LEN];

	return state->present && state->xdp_ours && state->tc_ours && !state->xdp_foreign &&
	       (links->xdp < 0 ||
		crmg_pin_there(t->kern, crmg_pin_link("xdp", entry->name, pin, sizeof(pin)))) &&
	       (links->tc < 0 ||
		crmg_pin_there(t->kern, crmg_pin_link("tc", entry->name, pin, sizeof(pin))));
}

/* True if there is nothing to do, as far as can be seen without the lock. */
static bool crmg_tend_well(struct crmg_tend *t, const struct crmg_iface *entry,
			   const struct crmg_iface_state *state)
{
	const struct crmg_iface *first = t->kern->view[CRMG_MAP_IFACES].memory;
	const struct crmg_iface_links *links = &t->kern->links[entry - first];
	const struct crmg_held_iface *memory = crmg_tend_memory(t, entry);
	enum crmg_absence absence;

	if (memory->again_ns > crmg_clock_ns(CLOCK_BOOTTIME))
		return true;
	if (state->present)
		return crmg_tend_whole(t, entry, state);
	absence = crmg_tend_absence(entry, links);
	return memory->lost && (absence == CRMG_ABSENT_MOVED ||
		(absence == CRMG_ABSENT_GONE && links->xdp < 0 && links->tc < 0));
}

/* What was missed may come back with its programs: from another network namespace. */
static void crmg_tend_back(struct crmg_tend *t, const struct crmg_iface *entry)
{
	struct crmg_held_iface *memory = crmg_tend_memory(t, entry);

	if (!memory->lost)
		return;
	*memory = (struct crmg_held_iface){ 0 };
	crmg_tend_event(t, CRMG_EVENT_RESTORED, "%s: back, with its programs", entry->name);
	t->restored = true;
}

static void crmg_tend_iface(struct crmg_tend *t, struct crmg_iface *entry)
{
	struct crmg_iface_state state;

	/* In another network namespace nothing can be attached from here. */
	if (!entry->name[0] || entry->netns != crmg_netns() ||
	    t->kern->held->pin[HELD_TC].fd < 0)
		return;
	crmg_iface_read(t->kern, entry, &state);
	if (crmg_tend_whole(t, entry, &state)) {
		crmg_tend_back(t, entry);
		return;
	}
	if (crmg_tend_well(t, entry, &state) || !crmg_tend_lock(t))
		return;
	/* Looked at again: a command may have been about to attach it, or to detach it. */
	crmg_iface_read(t->kern, entry, &state);
	if (!entry->name[0] || crmg_tend_well(t, entry, &state))
		return;
	if (!state.present) {
		crmg_tend_absent(t, entry);
	} else if (state.xdp_ours && state.tc_ours && !state.xdp_foreign) {
		(void)crmg_tend_links(t, entry);
	} else {
		crmg_tend_lost(t, entry, state.xdp_foreign ? "another XDP program is on it" :
			       !state.xdp_ours ? "the program that judges was taken off" :
			       "the TC program was taken off");
		crmg_tend_mend(t, entry, !state.xdp_ours || state.xdp_foreign, !state.tc_ours);
	}
}

int crmg_kern_tend(struct crmg_kern *kern, bool *ret_restored, struct crmg_err *err)
{
	struct crmg_iface *ifaces = kern->view[CRMG_MAP_IFACES].memory;
	struct crmg_tend t = { .kern = kern, .err = err };
	size_t i;
	int code;

	if (crmg_kern_gone(kern))
		return -ESTALE;
	if (crmg_older_abi(kern->instance) && crmg_tend_lock(&t))
		crmg_takeover_settle(kern, err);
	code = crmg_tend_folder(&t);
	if (!code && !t.busy)
		code = crmg_tend_hold(&t);
	if (!code && !t.busy)
		code = crmg_tend_pins(&t);
	for (i = 0; !code && i < CRMG_IFACES_MAX && !t.busy; i++)
		crmg_tend_iface(&t, &ifaces[i]);
	if (crmg_kern_gone(kern))
		code = -ESTALE;
	crmg_kern_unlock(kern);
	*ret_restored = t.restored;
	return code;
}

bool crmg_kern_unproven(const struct crmg_kern *kern)
{
	const struct crmg_proof *proof = kern->view[CRMG_MAP_PROOF].memory;

	return __atomic_load_n(&proof->failures, __ATOMIC_RELAXED);
}

void crmg_kern_beat(struct crmg_kern *kern, bool alive)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;

	__atomic_store_n(&control->manager_ns, alive ? crmg_clock_ns(CLOCK_BOOTTIME) : 0,
			 __ATOMIC_RELAXED);
}

bool crmg_trouble_set(struct crmg_kern *kern, enum crmg_trouble id, bool on)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	__u32 bit = 1u << id, before;

	before = on ? __atomic_fetch_or(&control->troubles, bit, __ATOMIC_RELAXED) :
		      __atomic_fetch_and(&control->troubles, ~bit, __ATOMIC_RELAXED);
	return !(before & bit) == on;
}

bool crmg_kern_trouble(struct crmg_kern *kern, enum crmg_trouble id, bool on, const char *text)
{
	if (!crmg_trouble_set(kern, id, on))
		return false;
	crmg_kern_note(kern, on ? CRMG_EVENT_MANAGE : CRMG_EVENT_RESTORED, text);
	return true;
}

void crmg_kern_ledger(struct crmg_kern *kern, const struct crmg_ledger_mark *mark)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;

	__atomic_store_n(&control->ledger.first, mark->first, __ATOMIC_RELAXED);
	__atomic_store_n(&control->ledger.to_ns, mark->to_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&control->ledger.seq, mark->seq, __ATOMIC_RELEASE);
}

void crmg_kern_note_of(struct crmg_kern *kern, enum crmg_event_kind kind,
		       const struct crmg_pfx *source, const char *service, const char *text)
{
	kern->actor = "";
	crmg_event_add(kern, kind, source, service, "%s", text);
	kern->actor = NULL;
}

void crmg_kern_note(struct crmg_kern *kern, enum crmg_event_kind kind, const char *text)
{
	crmg_kern_note_of(kern, kind, NULL, "", text);
}
