/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kern.h - the kernel boundary: load, pin, attach, put a policy in force, read.
 * Only the files of this folder include <bpf/...>. Nothing here prints.
 *
 * All state of an instance is pinned below bpffs in crmgate/INSTANCE/v4; every
 * command works from the pins. Changes are made under a lock.
 */
#ifndef CRMGATE_KERN_H
#define CRMGATE_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

#include "../base/addr.h"
#include "../base/err.h"
#include "../compile/compile.h"
#include "../report/snapshot.h"

struct crmg_kern;

enum crmg_kern_access {
	CRMG_KERN_READ,		/* no lock; works for members of group crmgate */
	CRMG_KERN_WRITE,	/* takes the lock of the instance, needs root */
	CRMG_KERN_MANAGE,	/* as WRITE, but crmg_kern_lock() takes the lock when it is needed */
};

/*
 * Opens the pinned state of an instance. -ENOENT: nothing is attached (err says
 * how to), -EBUSY: another command changes it (READ never waits for it),
 * -EPERM/-EACCES: err names what is missing. crmg_kern_close() takes NULL in
 * *kern too.
 */
int crmg_kern_open(const char *instance, enum crmg_kern_access access,
		   struct crmg_kern **ret, struct crmg_err *err);
void crmg_kern_close(struct crmg_kern **kern);

/* Takes the lock of the instance for a kern that has it not: 0, or -EBUSY, said in err. */
int crmg_kern_lock(struct crmg_kern *kern, struct crmg_err *err);

/* Gives it up before the end. Who has it no more may still read, and tell (crmg_kern_tell()). */
void crmg_kern_unlock(struct crmg_kern *kern);

/* AUTO: native; beside an XDP program of somebody else TC ingress; else generic. */
enum crmg_attach_mode {
	CRMG_ATTACH_AUTO, CRMG_ATTACH_NATIVE, CRMG_ATTACH_GENERIC, CRMG_ATTACH_TC
};
enum crmg_tc_choice { CRMG_TC_CHOICE_AUTO, CRMG_TC_CHOICE_TCX, CRMG_TC_CHOICE_CLSACT };

struct crmg_attach_options {
	const char *instance;
	char *const *ifaces;
	size_t iface_count;
	enum crmg_attach_mode mode;
	enum crmg_tc_choice tc;
	bool chain;	/* XDP in the dispatcher of libxdp, beside what is there; not with TC */
	const struct crmg_model *model;		/* NULL: keep the policy in force, or none */
	enum crmg_mode mode_cap;
	/* On a new state, after a reboot: */
	const struct crmg_image *image;		/* instead of model: put back as it is */
	const struct crmg_iface *wanted;	/* name and modes; to be attached when they are there */
	size_t wanted_count;
	/*
	 * What else belongs to it: before anybody sees it, so that it is there whole or not at
	 * all. -EEXIST, not said: there is a state already. NULL: nothing.
	 */
	int (*complete)(struct crmg_kern *kern, void *ctx, struct crmg_err *err);
	void *ctx;
};

/*
 * Loads this build's programs, makes or takes over the pinned maps, puts the
 * policy in force, attaches every interface or none, and puts the programs
 * under links that are there already. Warnings (mode fell back, ...) go to err.
 */
int crmg_kern_attach(const struct crmg_attach_options *options, struct crmg_err *err);

/* True if the state in force is of a build of an older ABI: attach takes it over. */
bool crmg_kern_older(const char *instance);

/*
 * What attach would do, without doing it: loads this build's programs on the tables that
 * are in use (else on new ones, for the policy of the options, that nobody else sees), and
 * runs the packets of a proof through them. Nothing is attached, pinned or written down.
 * Negative errno as attach; else what the proof came to in *ret: its `failures`, the first
 * of them in `text`, and `generation`, `probes`, `programs`.
 */
int crmg_kern_rehearse(const struct crmg_attach_options *options, struct crmg_proof *ret,
		       struct crmg_err *err);

/*
 * Takes programs off interfaces (iface_count 0: all). purge: removes the whole
 * state too; only together with all interfaces.
 */
int crmg_kern_detach(const char *instance, char *const *ifaces, size_t iface_count,
		     bool purge, struct crmg_err *err);

/*
 * What model would be in force as: the image after the one in force, with the next
 * generation. Changes nothing, READ will do. -EBUSY: capacity or source prefixes differ
 * from what was attached. Free with crmg_image_free().
 */
int crmg_kern_compile(struct crmg_kern *kern, const struct crmg_model *model,
		      enum crmg_mode mode_cap, struct crmg_image *ret, struct crmg_err *err);

/* Notes for reports that the policy in force cannot be read again, or that it can. */
void crmg_kern_unread(struct crmg_kern *kern, bool unread);

/*
 * Switches to an image that crmg_kern_compile() made of the same kern. confirm_ns: the
 * image in force comes back after that time unless crmg_kern_confirm() is called; 0: the
 * switch is for good. -EBUSY: another apply waits to be confirmed.
 */
int crmg_kern_install(struct crmg_kern *kern, struct crmg_image *image, uint64_t confirm_ns,
		      struct crmg_err *err);

/* Both, for good. */
int crmg_kern_apply(struct crmg_kern *kern, const struct crmg_model *model,
		    enum crmg_mode mode_cap, struct crmg_err *err);

/*
 * End an apply that waits to be confirmed: it stays, or the image before comes back, at
 * once. The generation then in force in *ret_generation. -ENOENT: none waits.
 */
int crmg_kern_confirm(struct crmg_kern *kern, uint32_t *ret_generation, struct crmg_err *err);
int crmg_kern_rollback(struct crmg_kern *kern, uint32_t *ret_generation, struct crmg_err *err);

/*
 * Switches panic; false if it was so already. Needs no lock: no command that runs can
 * hold it up. by: who or what did it, NULL: the user of this process.
 */
bool crmg_kern_panic(struct crmg_kern *kern, bool on, const char *by);

/* The same of an instance, also where an older build is in force. -ENOENT: nothing is attached. */
int crmg_panic(const char *instance, bool on, const char *by, struct crmg_err *err);

/* ------------------------------------------------------- daemon --manage */

/*
 * Looks after pins, links and programs, and puts back what is missing; takes the lock
 * only for that, and leaves it to the next call when a command has it. What it found and
 * did is in the events, and as warnings in err; *ret_restored: something was put back.
 * -ESTALE: the state was purged, or replaced: close kern. For CRMG_KERN_MANAGE.
 */
int crmg_kern_tend(struct crmg_kern *kern, bool *ret_restored, struct crmg_err *err);

/*
 * The same once, for a command: with its capabilities, of which a daemon has few. -ENOLINK, said
 * in err, with what it did not put back.
 */
int crmg_kern_mend(const char *instance, struct crmg_err *err);

/* A sign of life of the managing daemon; false: it ends. */
void crmg_kern_beat(struct crmg_kern *kern, bool alive);

/* What the managing daemon knows of map "own". All 0 for a kern that was opened just now. */
#define CRMG_OWN_KEYS (2 * CRMG_OWN_MAX)

struct crmg_own_watch {
	struct crmg_own_key {
		struct crmg_addr addr;
		__u64 has;		/* CRMG_OWN_* */
	} key[CRMG_OWN_KEYS];
	size_t count;
	bool known;		/* that is what the map has */
	bool anew;		/* sources are still to be resolved anew, for some are new */
	bool said;		/* that there are too many, or that they cannot be read */
};

/*
 * Brings the addresses of this host to the packet path, for the next ten seconds: from the
 * wire nobody sends from these. To be called each second, as addresses move. Of an instance that
 * has interfaces elsewhere, or that of loopback, none are. For CRMG_KERN_MANAGE.
 */
void crmg_kern_own(struct crmg_kern *kern, struct crmg_own_watch *watch, struct crmg_err *err);

/* The same of these, now (CLOCK_BOOTTIME). Negative errno. */
#define CRMG_OWN_LEASE_NS 10000000000ULL
int crmg_own_set(struct crmg_kern *kern, struct crmg_own_watch *watch,
		 const struct crmg_addr *addr, size_t count, uint64_t now_ns);

/* Shows or ends a trouble in status; true if that is news, and an event with text. */
bool crmg_kern_trouble(struct crmg_kern *kern, enum crmg_trouble id, bool on, const char *text);

/* What the ledger looks at each second: what is enforced, and where. */
struct crmg_standing {
	uint32_t generation;
	bool panic;
	uint32_t wanted;		/* interfaces */
	uint32_t whole;			/* of them, those with both programs */
};
void crmg_kern_standing(struct crmg_kern *kern, struct crmg_standing *ret);

/* Keeps in the kernel how far the ledger is on the disk. For CRMG_KERN_MANAGE. */
void crmg_kern_ledger(struct crmg_kern *kern, const struct crmg_ledger_mark *mark);

/* An event of the daemon's own. */
void crmg_kern_note(struct crmg_kern *kern, enum crmg_event_kind kind, const char *text);
void crmg_kern_note_of(struct crmg_kern *kern, enum crmg_event_kind kind,
		       const struct crmg_pfx *source, const char *service, const char *text);

/* CRMG_GONE_*: why the state is not in force any more; 0: it is. */
uint32_t crmg_kern_gone(const struct crmg_kern *kern);

/*
 * The proof of enforcement: runs packets of its own through the attached programs, and
 * compares what they come to with the policy. No source, counter of a policy or event
 * moves for them. The result is in *ret and in every snapshot from then on; its
 * `failures` are no error of this function. period_s: how often the caller repeats it, 0:
 * not any more, -1: leave that. Takes no lock that another command waits for.
 */
int crmg_kern_prove(const char *instance, int period_s, struct crmg_proof *ret,
		    struct crmg_err *err);

/* True if the last proof, whoever made it, found something that is not enforced. */
bool crmg_kern_unproven(const struct crmg_kern *kern);

/* The image in force; belongs to kern, valid until close or the next apply. */
int crmg_kern_image(struct crmg_kern *kern, const struct crmg_image **ret,
		    struct crmg_err *err);

#define CRMG_SNAP_SOURCES 1	/* slots of all sources, and totals */
#define CRMG_SNAP_BANS    2

/*
 * Reads what `flags` ask for. The snapshot's pointers belong to kern and stay
 * valid until the next call or close; where the maps can be mapped (root) tags
 * and slots are the live memory. A second call with the same kern is cheap.
 */
int crmg_kern_snapshot(struct crmg_kern *kern, unsigned int flags,
		       struct crmg_snapshot *ret, struct crmg_err *err);

struct crmg_ban_request {
	struct crmg_pfx prefix;
	uint8_t service;		/* index; 0: all */
	uint64_t for_ns;		/* CRMG_BAN_FOREVER: until unban */
	const char *origin;
	const char *note;
};

/*
 * Adds or changes bans, all or none. -E2BIG: no room. Own addresses, /0 and what
 * lies in or covers the allow list are refused with -EINVAL.
 */
int crmg_kern_ban(struct crmg_kern *kern, const struct crmg_ban_request *bans, size_t count,
		  struct crmg_err *err);

struct crmg_unban_filter {
	const char *origin;		/* NULL: whatever origin */
	uint8_t service;		/* index: only bans at this service; 0: whatever service */
};

/*
 * Ends bans by prefix, as they are listed: manual ones, and automatic ones (origin
 * "auto"); filter NULL: all of them. The number really ended in *ret_removed; unknown
 * ones are no error.
 */
int crmg_kern_unban(struct crmg_kern *kern, const struct crmg_pfx *prefixes, size_t count,
		    const struct crmg_unban_filter *filter, size_t *ret_removed,
		    struct crmg_err *err);

/*
 * Takes a source, its parts and what it is a part of out of the tables and the events; of those
 * that something still limits, only what they did. Bans stay. *ret_sources: those that
 * were in the table.
 */
int crmg_kern_forget(struct crmg_kern *kern, const struct crmg_pfx *source, size_t *ret_sources,
		     struct crmg_err *err);

/*
 * Tells events and the audit log "TEXT: NOTE" (no note: ""), now. A failure is of the log, said as
 * a warning.
 */
int crmg_kern_tell(struct crmg_kern *kern, enum crmg_event_kind kind, const char *text,
		   const char *note, struct crmg_err *err);

/*
 * Copies events with seq > *cursor into ret[max], oldest first, and moves the
 * cursor. Returns the number copied. What was overwritten before it was read is
 * added to *ret_lost. Events still being written end the call.
 */
size_t crmg_kern_events(struct crmg_kern *kern, uint64_t *cursor, struct crmg_event *ret,
			size_t max, uint64_t *ret_lost);

/* Number of the newest event. */
uint64_t crmg_kern_event_head(struct crmg_kern *kern);

/*
 * Reads what the doctor judges (report/doctor.h): the host, the rules of NAT, and the
 * interfaces that are named; none: those of the default routes. Changes nothing, needs
 * nothing that is attached (snap may be NULL). -ENOMEM. Free with crmg_doctor_facts_free()
 * in either case.
 */
struct crmg_doctor_facts;
int crmg_kern_doctor(char *const *names, size_t count, const struct crmg_snapshot *snap,
		     struct crmg_doctor_facts *ret);
void crmg_doctor_facts_free(struct crmg_doctor_facts *facts);

/* Number of possible CPUs: what a per-CPU map has room for. */
unsigned int crmg_kern_cpus(void);

/* The group that may read the pins: a daemon that gives up root has to be in it. */
unsigned int crmg_kern_group(const struct crmg_kern *kern);

#endif
