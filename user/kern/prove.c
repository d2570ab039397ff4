// SPDX-License-Identifier: GPL-2.0
/*
 * prove.c - the proof of enforcement: runs the probes of the policy in force through the
 * programs behind the links of every interface, and writes down what it came to (map
 * "proof"). Changes nothing else, and takes a lock of its own, so no command waits for it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "../report/names.h"
#include "prove.h"

#define CRMG_PROVE_TRIES   3	/* while the policy changes under it */

static void crmg_unproven(struct crmg_prover *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void crmg_unproven(struct crmg_prover *p, const char *format, ...)
{
	__u32 at = p->proof->failures++;
	va_list args;

	if (at >= CRMG_PROOF_TEXTS)
		return;
	va_start(args, format);
	vsnprintf(p->proof->text[at], CRMG_PROOF_TEXT, format, args);
	va_end(args);
}

/* True if a ban by hand covers the source of a probe; asked as the packet path does. */
static bool crmg_probe_banned(struct crmg_prover *p, const struct crmg_probe *probe)
{
	const struct crmg_control *control = &p->snap->control;
	bool v4 = crmg_addr_is_v4(&probe->source);
	const __u8 *lengths = v4 ? control->v4_length : control->v6_length;
	__u8 services[] = { 0, probe->service };
	struct crmg_ban ban;

	for (int i = 0; i < (v4 ? control->v4_lengths : control->v6_lengths); i++)
		for (int s = 0; s < 2; s++) {
			struct crmg_ban_key key = {
				.addr = crmg_addr_cut(probe->source, lengths[i]),
				.len = lengths[i], .service = services[s],
			};

			if (!bpf_map_lookup_elem(p->kern->map[CRMG_MAP_BANS], &key, &ban) &&
			    ban.until_ns > p->snap->boot_ns)
				return true;
		}
	return false;
}

static const char *crmg_verdict_word(__u8 verdict)
{
	return verdict < CRMG_VERDICT_COUNT ? crmg_verdict_name(verdict) : "no verdict";
}

static const char *crmg_reason_word(__u8 reason)
{
	return reason < CRMG_REASON_COUNT ? crmg_reason_name(reason) : "not counted";
}

/* One run of a probe: false if the binding is not proven, which has been said then. */
static bool crmg_prove_once(struct crmg_prover *p, const struct crmg_prog *prog,
			    const struct crmg_probe *probe, const struct crmg_probe_state *state)
{
	const struct crmg_label *label = crmg_image_label(p->snap->image, probe->binding);
	struct crmg_finding is = { 0 }, must =
		crmg_probe_expect(crmg_image_binding(p->snap->image, probe->binding), state);
	char source[CRMG_ADDR_LEN];
	int code = crmg_probe_in(p, prog, probe, &is);

	if (code) {
		crmg_unproven(p, "%s: packets cannot be run through the program: %s", prog->where,
			      strerror(-code));
		return false;
	}
	if (!memcmp(&is, &must, sizeof(is)))
		return true;
	/* Where both pass, they differ in what shadow would refuse. */
	crmg_unproven(p, "%s: %s/%s, from %s: %s (%s), but the policy says %s (%s)", prog->where,
		      label->service, label->policy,
		      crmg_format_addr(&probe->source, source, sizeof(source)),
		      crmg_verdict_word(is.verdict),
		      crmg_reason_word(is.reason == must.reason ? is.refused : is.reason),
		      crmg_verdict_word(must.verdict),
		      crmg_reason_word(is.reason == must.reason ? must.refused : must.reason));
	return false;
}

/* What the binding comes to within its limits, and when each of them is used up. */
static void crmg_prove_binding(struct crmg_prover *p, const struct crmg_prog *prog,
			       const struct crmg_probe *probe)
{
	const struct crmg_binding *binding = crmg_image_binding(p->snap->image, probe->binding);
	struct crmg_probe_state state = {
		.panic = p->snap->control.panic, .banned = crmg_probe_banned(p, probe),
	};
	struct crmg_exhausting exhausting = { 0 };

	crmg_places_clear(p);
	if (!crmg_prove_once(p, prog, probe, &state) || state.panic || state.banned ||
	    binding->mode == CRMG_MODE_OFF || binding->kind == CRMG_BINDING_ALLOW ||
	    binding->kind == CRMG_BINDING_DENY)
		return;
	while (crmg_exhaust_next(p, probe, &exhausting, &state.exhausted) &&
	       crmg_prove_once(p, prog, probe, &state))
		;
}

static void crmg_prove_out(struct crmg_prover *p, const struct crmg_prog *prog,
			   const struct crmg_probe *probe)
{
	const struct crmg_label *label = crmg_image_label(p->snap->image, probe->binding);
	bool counted = false;
	int code = crmg_probe_out(p, prog, probe, &counted);

	if (code)
		crmg_unproven(p, "%s: packets cannot be run through the program: %s", prog->where,
			      strerror(-code));
	else if (!counted)
		crmg_unproven(p, "%s: what leaves for %s/%s is not counted", prog->where, label->service,
			      label->policy);
}

static void crmg_prove_program(struct crmg_prover *p, const struct crmg_prog *prog,
			       const struct crmg_probe *probes, size_t count)
{
	p->proof->programs++;
	for (size_t i = 0; i < count; i++)
		if (prog->hook == CRMG_PROG_TC)
			crmg_prove_out(p, prog, &probes[i]);
		else
			crmg_prove_binding(p, prog, &probes[i]);
}

/*
 * A program by its id: by the pin that attach made for it, if that is it; else by the id
 * alone, which needs CAP_SYS_ADMIN.
 */
static int crmg_prog_open(struct crmg_prover *p, const char *pin, __u32 id)
{
	int fd = crmg_pin_open(p->kern, pin, true);

	if (fd >= 0 && crmg_prog_id(fd) == id)
		return fd;
	if (fd >= 0)
		close(fd);
	fd = bpf_prog_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

/* Each program once, on however many interfaces it is. */
struct crmg_proven {
	__u32 id[2 * CRMG_IFACES_MAX];
	__u32 count;
};

static bool crmg_proven_before(struct crmg_proven *proven, __u32 id)
{
	for (__u32 i = 0; i < proven->count; i++)
		if (proven->id[i] == id)
			return true;
	proven->id[proven->count++] = id;
	return false;
}

static void crmg_prove_hook(struct crmg_prover *p, enum crmg_prog_hook hook, const char *iface,
			    __u32 id, const struct crmg_probe *probes, size_t count)
{
	static const char *const pins[] = { CRMG_XDP_PIN, CRMG_TC_IN_PIN, CRMG_TC_PIN };
	static const char *const names[] = { "xdp", "tc ingress", "tc" };
	crmg_autoclose int fd = crmg_prog_open(p, pins[hook], id);
	struct crmg_prog prog = { .hook = hook, .fd = fd };

	snprintf(prog.where, sizeof(prog.where), "%s %s", iface, names[hook]);
	if (fd < 0) {
		crmg_unproven(p, "%s: program %u cannot be opened: %s", prog.where, id,
			      strerror(-fd));
		return;
	}
	crmg_prove_program(p, &prog, probes, count);
}

/* The links of an interface, and what is behind them. */
static void crmg_prove_iface(struct crmg_prover *p, struct crmg_proven *proven,
			     const struct crmg_iface_state *iface, const struct crmg_probe *probes,
			     size_t count)
{
	const struct crmg_iface *wanted = &iface->wanted;

	if (!iface->present) {
		crmg_unproven(p, "%s: the interface is gone", wanted->name);
		return;
	}
	if (!iface->xdp_ours)
		crmg_unproven(p, "%s xdp: %s", wanted->name, iface->xdp_foreign ?
			      "another program is in the place of ours" : "no program is attached");
	if (iface->xdp_id && !crmg_proven_before(proven, iface->xdp_id))
		crmg_prove_hook(p, wanted->xdp_mode == CRMG_XDP_TC ? CRMG_PROG_TC_IN : CRMG_PROG_XDP,
				wanted->name, iface->xdp_id, probes, count);
	if (!iface->tc_ours)
		crmg_unproven(p, "%s tc: %s", wanted->name, iface->tc_id ?
			      "another program is in the place of ours" : "no program is attached");
	if (iface->tc_id && !crmg_proven_before(proven, iface->tc_id))
		crmg_prove_hook(p, CRMG_PROG_TC, wanted->name, iface->tc_id, probes, count);
}

/* The image that packets use is one that apply made: it has a pin. */
static void crmg_prove_front(struct crmg_prover *p)
{
	static const char *const pins[] = {
		CRMG_FRONT_PIN, CRMG_FRONT_NEXT, CRMG_FRONT_PREVIOUS,
	};

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(pins); i++) {
		crmg_autoclose int fd = crmg_pin_open(p->kern, pins[i], false);
		struct bpf_map_info info = { 0 };
		__u32 size = sizeof(info);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
		    info.id == p->kern->image_id)
			return;
	}
	crmg_unproven(p, "the policy in force (map %u) is not the one that was applied",
		      p->kern->image_id);
}

static int crmg_prove_all(struct crmg_prover *p, struct crmg_err *err)
{
	crmg_autofree struct crmg_probe *probes = NULL;
	struct crmg_proven proven = { .count = 0 };
	size_t count = 0;
	int code = crmg_probes_of(p->snap->image, p->snap->real_ns, &probes, &count);

	if (code)
		return crmg_err_set(err, code, "out of memory");
	for (size_t i = 0; i < p->rehearsed_count; i++)
		crmg_prove_program(p, &p->rehearsed[i], probes, count);
	if (!p->rehearsed_count) {
		crmg_prove_front(p);
		for (size_t i = 0; i < p->snap->iface_count; i++)
			crmg_prove_iface(p, &proven, &p->snap->ifaces[i], probes, count);
	}
	crmg_places_clear(p);
	return 0;
}

int crmg_prove_settled(struct crmg_prover *p, struct crmg_snapshot *snap,
		       const struct crmg_proof *before, struct crmg_err *err)
{
	struct crmg_snapshot after;
	int code = 0, tries = 0;

	p->snap = snap;
	do {
		__u32 front;

		*p->proof = *before;
		p->proof->failures = p->proof->programs = p->probes = 0;
		memset(p->proof->text, 0, sizeof(p->proof->text));
		code = crmg_kern_snapshot(p->kern, 0, snap, err);
		if (!code)
			code = crmg_prove_all(p, err);
		if (code || !p->proof->failures)
			return code;
		front = p->kern->image_id;
		code = crmg_kern_snapshot(p->kern, 0, &after, err);
		if (!code && front == p->kern->image_id &&
		    after.control.panic == snap->control.panic &&
		    after.control.ban_epoch == snap->control.ban_epoch)
			return 0;
	} while (!code && ++tries < CRMG_PROVE_TRIES);
	return code;
}

static void crmg_proof_write(struct crmg_kern *kern, const struct crmg_proof *from)
{
	struct crmg_proof *to = kern->view[CRMG_MAP_PROOF].memory;
	__u64 seq = __atomic_or_fetch(&to->seq, 1, __ATOMIC_SEQ_CST);

	memcpy((char *)to + sizeof(to->seq), (const char *)from + sizeof(from->seq),
	       sizeof(*to) - sizeof(to->seq));
	__atomic_store_n(&to->seq, seq + 1, __ATOMIC_SEQ_CST);
}

static void crmg_proof_tell(struct crmg_kern *kern, const struct crmg_proof *before,
			    const struct crmg_proof *after)
{
	if (after->failures && !before->failures)
		crmg_event_add(kern, CRMG_EVENT_UNENFORCED, NULL, "", "%.100s", after->text[0]);
	else if (!after->failures && before->failures)
		crmg_event_add(kern, CRMG_EVENT_ENFORCED, NULL, "", "proven with %u packets",
			       after->probes);
}

void crmg_prover_done(struct crmg_prover *p)
{
	free(p->percpu);
	if (p->row >= 0)
		close(p->row);
}

int crmg_prover_init(struct crmg_prover *p, struct crmg_kern *kern, struct crmg_proof *proof,
		     struct crmg_err *err)
{
	struct crmg_setup setup;
	int code;

	*p = (struct crmg_prover){
		.kern = kern, .proof = proof,
		.percpu = calloc(crmg_kern_cpus(), sizeof(struct crmg_row)),
		.row = kern->chunk[0].fd >= 0 ? fcntl(kern->chunk[0].fd, F_DUPFD_CLOEXEC, 0) :
						crmg_pin_open(kern, "row_0", true),
	};
	code = !p->percpu ? crmg_err_set(err, -ENOMEM, "out of memory") :
	       p->row < 0 ? crmg_err_set(err, p->row, "cannot open pin 'row_0': %s",
					 strerror(-p->row)) :
	       crmg_setup_read(kern, &setup, err);
	if (!code && kern->view[CRMG_MAP_SLOTS].size <
		     CRMG_SLOTS(setup.capacity) * sizeof(struct crmg_slot))
		code = crmg_err_set(err, -EPROTO, "the tables were made by an older version, which "
				    "has no place in them for a proof");
	if (code)
		crmg_prover_done(p);
	else
		p->secret = setup.hash_key[CRMG_KEY_PROBE];
	return code;
}

static int crmg_prove_locked(struct crmg_kern *kern, int period_s, struct crmg_proof *ret,
			     struct crmg_err *err)
{
	const struct crmg_proof before = *(struct crmg_proof *)kern->view[CRMG_MAP_PROOF].memory;
	struct crmg_snapshot snap;
	struct crmg_prover p;
	int code = crmg_prover_init(&p, kern, ret, err);

	if (code)
		return code;
	code = crmg_prove_settled(&p, &snap, &before, err);
	if (!code) {
		crmg_prove_ways(&p);
		ret->boot_ns = crmg_clock_ns(CLOCK_BOOTTIME);
		ret->real_ns = crmg_clock_ns(CLOCK_REALTIME);
		ret->generation = crmg_image_head(snap.image)->generation;
		ret->front = kern->image_id;
		ret->probes = p.probes;
		if (period_s >= 0)
			ret->period_s = period_s;
		crmg_proof_write(kern, ret);
		crmg_proof_tell(kern, &before, ret);
	}
	crmg_prover_done(&p);
	return code;
}

int crmg_prove_lock(const char *instance, struct crmg_err *err)
{
	char name[CRMG_NAME_LEN + 8];
	int lock;

	/* No name of an instance has a dot. */
	snprintf(name, sizeof(name), "%s.proof", instance);
	lock = crmg_lock_wait(name, err);
	if (lock == -EBUSY)
		crmg_err_set(err, lock, "another proof of enforcement does not come to its end");
	return lock;
}

int crmg_kern_prove(const char *instance, int period_s, struct crmg_proof *ret,
		    struct crmg_err *err)
{
	struct crmg_kern *kern = NULL;
	int lock = crmg_prove_lock(instance, err), code;

	if (lock < 0)
		return lock;
	code = crmg_kern_new(instance, CRMG_KERN_WRITE, lock, &kern, err);
	if (!code)
		code = crmg_kern_open_maps(kern, err);
	if (!code)
		code = crmg_prove_locked(kern, period_s, ret, err);
	crmg_kern_close(&kern);
	return code;
}
