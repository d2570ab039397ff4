// SPDX-License-Identifier: GPL-2.0
/*
 * audit.c - what a command did goes into the audit log, before the lock of the instance is
 * given up, or at once by who does not take it. Enforcement does not wait for a disk: what
 * cannot be written is counted in the kernel, and a hole in the log when it can be written
 * again.
 */
#include <string.h>

#include "../base/util.h"
#include "../state/state.h"
#include "internal.h"

static struct crmg_audit_mark *crmg_audit_mark(struct crmg_kern *kern)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;

	return control ? &control->audit : NULL;
}

static void crmg_audit_lose(struct crmg_kern *kern, size_t count)
{
	struct crmg_audit_mark *mark = crmg_audit_mark(kern);

	if (mark)
		__atomic_add_fetch(&mark->lost, (__u32)count, __ATOMIC_RELAXED);
}

void crmg_audit_add(struct crmg_kern *kern, const char *what, const struct crmg_pfx *prefix,
		    const char *service, const char *details)
{
	struct crmg_audit_entry *entry = crmg_grow(&kern->audit, &kern->audit_count,
						   sizeof(*entry));

	if (!entry) {
		crmg_audit_lose(kern, 1);
		return;
	}
	entry->real_ns = crmg_clock_ns(CLOCK_REALTIME);
	entry->generation = kern->image.cells ? crmg_image_head(&kern->image)->generation : 0;
	entry->has_prefix = prefix;
	if (prefix)
		entry->prefix = *prefix;
	crmg_copy(entry->what, sizeof(entry->what), what);
	crmg_copy(entry->service, sizeof(entry->service), service);
	crmg_copy(entry->details, sizeof(entry->details), details);
	if (kern->access == CRMG_KERN_MANAGE)
		crmg_audit_flush(kern, NULL);
}

void crmg_audit_begin(struct crmg_kern *kern)
{
	struct crmg_audit_mark *mark = crmg_audit_mark(kern);
	char text[64];

	if (!mark || kern->audit_begun)
		return;
	if (mark->writer) {
		snprintf(text, sizeof(text), "a command died, pid %u: what it did may be missing",
			 mark->writer);
		crmg_audit_add(kern, crmg_audit_word(CRMG_AUDIT_KILLED), NULL, "", text);
	}
	mark->writer = getpid();
	kern->audit_begun = true;
}

void crmg_audit_forget(struct crmg_kern *kern)
{
	free(kern->audit);
	kern->audit = NULL;
	kern->audit_count = 0;
}

int crmg_audit_flush(struct crmg_kern *kern, struct crmg_err *err)
{
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	struct crmg_err why = CRMG_ERR_INIT;
	int code;

	if (!kern->audit_count)
		return 0;
	code = crmg_state_open(kern->instance, true, &state, &why);
	if (!code)
		code = crmg_audit_append(&state, kern->audit, kern->audit_count, crmg_audit_mark(kern),
					 &why);
	if (code)
		crmg_audit_lose(kern, kern->audit_count);
	if (code && err)
		crmg_err_warn(err, "%s; the audit log lacks %zu entr%s", why.errors ?
			      why.messages[0].text : strerror(-code), kern->audit_count,
			      kern->audit_count == 1 ? "y" : "ies");
	crmg_err_clear(&why);
	crmg_audit_forget(kern);
	return code;
}

int crmg_kern_tell(struct crmg_kern *kern, enum crmg_event_kind kind, const char *text,
		   const char *note, struct crmg_err *err)
{
	crmg_event_add(kern, kind, NULL, "", "%s%s%s", text, note[0] ? ": " : "", note);
	/* A manager writes each at once. */
	if (!kern->audit_count && kern->access != CRMG_KERN_MANAGE)
		return crmg_err_set(err, -ENOMEM, "out of memory");
	return crmg_audit_flush(kern, err);
}

void crmg_audit_end(struct crmg_kern *kern)
{
	crmg_audit_flush(kern, NULL);
	if (kern->audit_begun)
		crmg_audit_mark(kern)->writer = 0;
	kern->audit_begun = false;
}
