// SPDX-License-Identifier: GPL-2.0
/*
 * problems.c - judges a snapshot. Each condition is one that this snapshot alone
 * can show; counters of events since the first attach count as long as they are not
 * reset.
 */
#include "problems.h"

#include <stdarg.h>
#include <stdio.h>

#include "../base/num.h"
#include "../base/util.h"
#include "contracts.h"
#include "text.h"

const char *crmg_problem_name(enum crmg_problem_id id)
{
#define NAME(ID, name, ...) name,
	static const char *const names[] = { CRMG_PROBLEMS(NAME) };

	return names[id];
}

bool crmg_problem_is_unenforced(enum crmg_problem_id id)
{
#define UNENFORCED(ID, name, unenforced) unenforced,
	static const bool flags[] = { CRMG_PROBLEMS(UNENFORCED) };

	return flags[id];
}

static void add(struct crmg_problems *problems, enum crmg_problem_id id, uint64_t since_ns,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add(struct crmg_problems *problems, enum crmg_problem_id id, uint64_t since_ns,
		const char *format, ...)
{
	struct crmg_problem *problem = &problems->item[problems->count++];
	va_list args;

	problem->id = id;
	problem->since_ns = since_ns;
	problem->iface[0] = '\0';
	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
}

/* The managing daemon shows every second that it lives, and says so when it is stopped. */
#define BEHIND_NS (10 * CRMG_NS_PER_SEC)

static bool is_managed(const struct crmg_snapshot *snap)
{
	return snap->control.manager_ns && snap->boot_ns <= snap->control.manager_ns + BEHIND_NS;
}

static void judge_manager(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	uint64_t seen = snap->control.manager_ns;
	char age[CRMG_SHORT_LEN];

	if (seen && !is_managed(snap))
		add(ret, CRMG_PROBLEM_DAEMON_BEHIND, snap->real_ns - (snap->boot_ns - seen),
		    "daemon --manage gave no sign of life for %s: start it again; nothing that "
		    "goes missing is put back", crmg_format_age(snap->boot_ns - seen, age, sizeof(age)));
}

/* At most three problems an interface. An id may come once for each. */
static void judge_iface(const struct crmg_iface_state *iface, bool managed,
			struct crmg_problems *ret)
{
	const struct crmg_iface *wanted = &iface->wanted;
	char name[CRMG_ESCAPED(sizeof(wanted->name))];

	crmg_escape(wanted->name, sizeof(wanted->name), name, sizeof(name));
	if (!iface->present) {
		add(ret, CRMG_PROBLEM_INTERFACE_GONE, 0,
		    managed ? "%s: the interface is gone; daemon --manage waits for it" :
			      "%s: the interface is gone; attach it again when it is back, or detach it",
		    name);
		return;
	}
	if (iface->xdp_foreign)
		add(ret, CRMG_PROBLEM_FOREIGN_PROGRAM, 0,
		    "%s: the XDP program of somebody else is on it; remove it, then attach again",
		    name);
	else if (!iface->xdp_ours && wanted->chained)
		add(ret, CRMG_PROBLEM_INTERFACE_GONE, 0,
		    "%s: the program is not in the dispatcher of libxdp any more; attach it again, "
		    "or detach it", name);
	else if (!iface->xdp_ours)
		add(ret, CRMG_PROBLEM_INTERFACE_GONE, 0,
		    "%s: the %s program was taken off; attach it again, or detach it", name,
		    wanted->xdp_mode == CRMG_XDP_TC ? "TC ingress" : "XDP");
	else if (wanted->xdp_mode == CRMG_XDP_GENERIC)
		add(ret, CRMG_PROBLEM_GENERIC_MODE, wanted->attached_at_ns,
		    "%s: generic XDP runs after GRO: packet limits may be 40 times as lenient; "
		    "attach --mode native says why",
		    name);
	if (wanted->xdp_mode == CRMG_XDP_TC && wanted->fell_back && iface->xdp_ours)
		add(ret, CRMG_PROBLEM_TC_MODE, wanted->attached_at_ns,
		    "%s: XDP belongs to another program: judged at TC ingress, at a higher price a "
		    "packet; attach --mode tc accepts that", name);
	if (!iface->tc_ours)
		add(ret, CRMG_PROBLEM_TC_MISSING, 0,
		    "%s: no TC program on it: bytes sent out are not counted; attach it again",
		    name);
}

/* For how long after a packet that found no room a table counts as under pressure. */
#define PRESSURE_NS (60 * CRMG_NS_PER_SEC)

/*
 * Both conditions pass by themselves. A table that many sources share now still forgets
 * the least useful one first; but from nine tenths on, rates of sources that come and
 * go are no longer remembered. Who found no slot was not judged by a limit of his own:
 * one packet is enough.
 */
static void judge_table(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	if (snap->pressure_ns && snap->boot_ns < snap->pressure_ns + PRESSURE_NS)
		add(ret, CRMG_PROBLEM_TABLE_PRESSURE, 0,
		    "sources found no free slot in the last minute and share budgets (%llu packets "
		    "so far); raise capacity.sources", snap->host.counter[CRMG_HOST_PRESSURE]);
	else if (snap->recent > (uint64_t)snap->capacity * 9 / 10)
		add(ret, CRMG_PROBLEM_TABLE_PRESSURE, 0,
		    "the source table is nearly full: %u sources in the last minute, room for %u; "
		    "raise capacity.sources", snap->recent, snap->capacity);
}

/* The same of the places of wider prefixes: what is sent to one without has no such budget. */
static void judge_aggregates(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	if (snap->aggregates_full_ns && snap->boot_ns < snap->aggregates_full_ns + PRESSURE_NS)
		add(ret, CRMG_PROBLEM_AGGREGATES_FULL, 0,
		    "wider prefixes found no place in the last minute, and their bytes_out no limit "
		    "(%llu packets so far); raise capacity.sources",
		    snap->host.counter[CRMG_HOST_AGGREGATES_FULL]);
}

static void judge_proof(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	const struct crmg_proof *proof = &snap->proof;
	char age[CRMG_SHORT_LEN];

	if (!proof->boot_ns)
		return;
	if (proof->failures)
		add(ret, CRMG_PROBLEM_PROOF_FAILED, proof->real_ns, "%s%s", proof->text[0],
		    proof->failures > 1 ? ", and more: crmgate prove" : "");
	else if (proof->generation == crmg_image_head(snap->image)->generation &&
		 proof->front != snap->front)
		add(ret, CRMG_PROBLEM_PROOF_FAILED, 0,
		    "the policy in force is not the one that was proven; apply it again");
	if (proof->period_s && snap->boot_ns > proof->boot_ns + CRMG_PROOF_STALE_S * CRMG_NS_PER_SEC)
		add(ret, CRMG_PROBLEM_PROOF_STALE, 0,
		    "enforcement was proven %s ago: the daemon that repeats it does not run",
		    crmg_format_age(snap->boot_ns - proof->boot_ns, age, sizeof(age)));
}

/* At TC the answers of these services were seen, at XDP nothing that they answer. */
static void judge_ways(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	char names[96] = "", name[CRMG_ESCAPED(CRMG_NAME_LEN)];
	size_t used = 0;

	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
		const struct crmg_service *service = crmg_image_service(snap->image, s);

		if (!(snap->proof.one_way >> (s - 1) & 1) || !service || used >= sizeof(names))
			continue;
		crmg_escape(service->name, sizeof(service->name), name, sizeof(name));
		used += snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", name);
	}
	if (used)
		add(ret, CRMG_PROBLEM_ONE_WAY_TRAFFIC, snap->proof.one_way_ns,
		    "%s: packets leave, but none arrives by an attached interface; attach the "
		    "one they arrive by", names);
}

/*
 * Lists that could not be read again, or that nobody writes any more. What was read last
 * holds on.
 */
static void judge_feeds(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], age[CRMG_SHORT_LEN], most[CRMG_SHORT_LEN];
	const struct crmg_client *clients, *oldest = NULL;
	uint64_t over = 0;
	size_t count;

	if (snap->unread_ns) {
		add(ret, CRMG_PROBLEM_FEED_STALE, snap->unread_ns,
		    "the policy in force and its lists cannot be read again; generation %u stays: "
		    "`crmgate apply` says why", crmg_image_head(snap->image)->generation);
		return;
	}
	clients = crmg_image_section(snap->image, CRMG_SECTION_CLIENTS, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t until = clients[i].feed_ns + clients[i].max_age_s * CRMG_NS_PER_SEC;

		if (!clients[i].max_age_s || snap->real_ns <= until + over)
			continue;
		oldest = &clients[i];
		over = snap->real_ns - until;
	}
	if (oldest)
		add(ret, CRMG_PROBLEM_FEED_STALE, snap->real_ns - over,
		    "client %s: its list was written %s ago, max_age is %s; renew it, then `crmgate apply`",
		    crmg_escape(oldest->name, CRMG_NAME_LEN, name, sizeof(name)),
		    crmg_format_age(snap->real_ns - oldest->feed_ns, age, sizeof(age)),
		    crmg_format_age(oldest->max_age_s * CRMG_NS_PER_SEC, most, sizeof(most)));
}

/* Told a fortnight before the end, and from then on; the earliest end alone. */
static void judge_contracts(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], until[CRMG_TIME_LEN];
	struct crmg_contractor c, first = { 0 };
	unsigned int more = 0;

	for (size_t at = 0; crmg_contract_next(snap->image, snap->real_ns, &at, &c);) {
		if (!c.ended && (!c.ends_in_s || c.ends_in_s > CRMG_CONTRACT_SOON_S))
			continue;
		more++;
		if (!first.contract || c.contract->until_s < first.contract->until_s)
			first = c;
	}
	if (more)
		add(ret, CRMG_PROBLEM_CONTRACT_ENDS, 0,
		    "client %s: its contract %s at %s%s; from then on it counts as any",
		    crmg_escape(first.client->name, CRMG_NAME_LEN, name, sizeof(name)),
		    first.ended ? "ended" : "ends",
		    crmg_format_utc(first.contract->until_s * CRMG_NS_PER_SEC, false, until,
				    sizeof(until)), more > 1 ? ", and more: crmgate posture" : "");
}

/* At TC ingress the answer to a request that is too much is none that a client understands. */
static void judge_rejects(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	const struct crmg_head *head = crmg_image_head(snap->image);
	const char *iface = NULL;
	char name[CRMG_ESCAPED(IFNAMSIZ)];

	for (size_t i = 0; i < snap->iface_count && !iface; i++)
		if (snap->ifaces[i].wanted.xdp_mode == CRMG_XDP_TC)
			iface = snap->ifaces[i].wanted.name;
	for (uint32_t i = 1; iface && i <= head->bindings; i++) {
		if (crmg_image_binding(snap->image, i)->on_exceed != CRMG_ACTION_REJECT)
			continue;
		add(ret, CRMG_PROBLEM_REJECT_RESETS, 0,
		    "%s: at TC ingress no request is answered with 429: policy %s resets the "
		    "connection (on_exceed: reject); --mode native or generic answers",
		    crmg_escape(iface, IFNAMSIZ, name, sizeof(name)),
		    crmg_image_label(snap->image, i)->policy);
		return;
	}
}

/* What could not be done, or not yet. */
static void judge_troubles(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	if (snap->control.troubles >> CRMG_TROUBLE_UNSAVED & 1)
		add(ret, CRMG_PROBLEM_STATE_UNSAVED, 0,
		    "policy and bans are not on the disk, and would not outlive a reboot: make room "
		    "in /var/lib/crmgate, or mount it writable");
	if (snap->control.troubles >> CRMG_TROUBLE_INCOMPLETE & 1)
		add(ret, CRMG_PROBLEM_RESTORE_INCOMPLETE, 0,
		    "not all came back after a reboot, the log of the daemon says what: attach what "
		    "is missing, and apply the policy");
	if (snap->control.troubles >> CRMG_TROUBLE_LEDGER & 1)
		add(ret, CRMG_PROBLEM_LEDGER_UNSAVED, 0,
		    "the ledger is not on the disk; what it lacks is written when it can be: make "
		    "room in /var/lib/crmgate, or mount it writable");
	if (snap->control.troubles >> CRMG_TROUBLE_UNFINISHED & 1)
		add(ret, CRMG_PROBLEM_TAKEOVER_UNFINISHED, 0,
		    "programs of an older build are still attached, with its policy and bans: run "
		    "`crmgate attach` again");
}

bool crmg_is_enforced(const struct crmg_snapshot *snap, const struct crmg_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		if (crmg_problem_is_unenforced(problems->item[i].id))
			return false;
	return snap->iface_count && snap->proof.boot_ns;
}

void crmg_problems_find(const struct crmg_snapshot *snap, struct crmg_problems *ret)
{
	const __u64 *host = snap->host.counter;

	ret->count = 0;
	for (size_t i = 0; i < snap->iface_count && i < CRMG_IFACES_MAX; i++) {
		size_t before = ret->count;

		judge_iface(&snap->ifaces[i], is_managed(snap), ret);
		for (; before < ret->count; before++)
			crmg_copy(ret->item[before].iface, IFNAMSIZ, snap->ifaces[i].wanted.name);
	}
	judge_ways(snap, ret);
	judge_feeds(snap, ret);
	judge_contracts(snap, ret);
	judge_rejects(snap, ret);
	judge_table(snap, ret);
	judge_aggregates(snap, ret);
	if (host[CRMG_HOST_CAPPED])
		add(ret, CRMG_PROBLEM_EVENTS_SUPPRESSED, 0,
		    "%llu events were left out, there were too many; counters have them all",
		    host[CRMG_HOST_CAPPED]);
	if (snap->control.audit.lost)
		add(ret, CRMG_PROBLEM_AUDIT_LOG, 0,
		    "%u entries of the audit log could not be written: make room in /var/lib/crmgate",
		    snap->control.audit.lost);
	if (snap->control.panic)
		add(ret, CRMG_PROBLEM_PANIC, snap->control.panic_since_ns,
		    "panic is on: everything passes; `crmgate resume` ends it");
	judge_proof(snap, ret);
	judge_manager(snap, ret);
	judge_troubles(snap, ret);
}
