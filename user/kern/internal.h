/* SPDX-License-Identifier: GPL-2.0 */
/* internal.h - what the files of kern/ share; nothing outside includes it. */
#ifndef CRMGATE_KERN_INTERNAL_H
#define CRMGATE_KERN_INTERNAL_H

#include <errno.h>
#include <net/if.h>

#include "../audit/log.h"
#include "kern.h"

/*
 * X(ID, field of the skeleton, name of the pin, value type, may be mapped, ABI): the pinned
 * maps. ABI: since when values are laid out as they are now; what a build of an older ABI
 * than that left is not read, and begins anew.
 */
#define CRMG_MAPS(X) \
	X(TAGS,       tags,        "tags",       struct crmg_tags,       true,  4) \
	X(SLOTS,      slots,       "slots",      struct crmg_slot,       true,  4) \
	X(DETAILS,    details,     "details",    struct crmg_detail,     true,  4) \
	X(PROVED,     proved_map,  "proved",     struct crmg_proved,     false, 4) \
	X(FRONTS,     fronts,      "fronts",     __u32,                  false, CRMG_IMAGE_SINCE) \
	X(BACKS,      backs,       "backs",      __u32,                  false, CRMG_IMAGE_SINCE) \
	X(ROWS,       rows,        "rows",       __u32,                  false, 4) \
	X(HOST,       host,        "host",       struct crmg_host,       false, 4) \
	X(CONTROL,    control_map, "control",    struct crmg_control,    true,  4) \
	X(SCRATCH,    scratch,     "scratch",    struct crmg_scratch,    true,  4) \
	X(BANS,       bans,        "bans",       struct crmg_ban,        false, 4) \
	X(BANFILTER,  banfilter,   "banfilter",  struct crmg_ban_filter, true,  4) \
	X(EVENTS,     events,      "events",     struct crmg_event,      true,  4) \
	X(SETUP,      setup,       "setup",      struct crmg_setup,      false, 4) \
	X(IFACES,     ifaces,      "ifaces",     struct crmg_iface,      true,  4) \
	X(ORIGINS,    origins,     "origins",    struct crmg_origin,     true,  4) \
	X(AGGREGATES, aggregates,  "aggregates", struct crmg_aggregates, true,  4) \
	X(TOTALS,     totals,      "totals",     struct crmg_bucket,     true,  4) \
	X(FLOWS,      flows,       "flows",      struct crmg_flows,      true,  4) \
	X(CONTAGS,    contags,     "contags",    struct crmg_contags,    true,  4) \
	X(CONNS,      conns,       "conns",      struct crmg_conn,       true,  5) \
	X(GAUGES,     gauges,      "gauges",     struct crmg_gauges,     true,  4) \
	X(SHARES,     shares,      "shares",     struct crmg_share,      true,  4) \
	X(PROOF,      proof,       "proof",      struct crmg_proof,      true,  4) \
	X(WINDOWS,    windows,     "windows",    struct crmg_windows,    true,  4) \
	X(KEPT,       kept,        "kept",       struct crmg_kept,       false, 4) \
	X(STREAMS,    streams,     "streams",    struct crmg_stream,     true,  5) \
	X(ASKED,      asked_map,   "asked",      struct crmg_asked,      true,  5) \
	X(THROTTLES,  throttles,   "throttles",  struct crmg_throttle,   true,  4) \
	X(TOTAL_WINDOWS, total_windows, "total_windows", struct crmg_total_windows, true, 4) \
	X(CLIENT_ROWS, client_rows, "client_rows", struct crmg_client_row, false, 4) \
	X(GREETINGS,  greetings,   "greetings",  struct crmg_greeting,   false, 4) \
	X(PATIENCE,   patience,    "patience",   struct crmg_patience,   true,  5) \
	X(OWN,        own_map,     "own",        __u64,                  false, 4)

#define CRMG_ENUM_MAP(ID, ...) CRMG_MAP_##ID,
enum crmg_map_id { CRMG_MAPS(CRMG_ENUM_MAP) CRMG_MAP_COUNT };

/*
 * A map as memory: mapped where that is allowed (a descriptor that may write), else
 * a copy that crmg_view_refresh() brings up to date with batches of look-ups.
 */
struct crmg_view {
	void *memory;
	size_t size;
	bool mapped;
};

struct crmg_row_chunk {
	int fd;				/* -1: not opened */
};

struct crmg_kern {
	char instance[CRMG_NAME_LEN];
	enum crmg_kern_access access;
	int dir;			/* O_PATH of the pin folder: pins are found after a setuid */
	int lock;			/* -1: none */
	const char *actor;		/* for events; NULL: the user of this process; "": nobody */
	int map[CRMG_MAP_COUNT];	/* -1: may not be opened (setup) */
	struct crmg_view view[CRMG_MAP_COUNT];

	struct crmg_image image;	/* in force; cells of `image_view` */
	struct crmg_view image_view;
	__u32 image_id;			/* id of its front's map */

	struct crmg_row_chunk chunk[CRMG_ROW_CHUNKS_MAX];
	struct crmg_row *rows;
	size_t row_capacity;
	struct crmg_client_row *client_rows;
	void *percpu;			/* scratch of one batch of rows */
	struct crmg_ban_entry *bans;
	size_t ban_count;
	struct crmg_audit_entry *audit;	/* what has been done and not been written yet */
	size_t audit_count;
	bool audit_begun;
	struct crmg_iface_state ifaces[CRMG_IFACES_MAX];
	struct crmg_iface_links {
		__u64 attached_at_ns;	/* of the entry that they were opened for */
		int xdp;
		int tc;
	} links[CRMG_IFACES_MAX];
	struct crmg_holding *held;		/* of who tends the state (tend.h); else NULL */
};

/* ------------------------------------------------------------------ pins.c */

#define CRMG_PIN_LEN 128

/* Folder of an instance, one of its states within; buf is returned. */
char *crmg_pin_instance(const char *instance, char *buf, size_t size);

#define CRMG_FOLDER_LEN 16

/* Where a state is made that is to appear whole: takeover.c, and what comes back after a reboot. */
#define CRMG_NEXT_FOLDER "next"

/* A folder in it; buf is returned. */
char *crmg_pin_folder(const char *instance, const char *folder, char *buf, size_t size);

/* "v4", the folder for the state of an ABI; buf is returned. */
char *crmg_pin_abi(int abi, char buf[CRMG_FOLDER_LEN]);

/* Folder of this build's ABI, "/sys/fs/bpf/crmgate/NAME/v4"; buf is returned. */
char *crmg_pin_dir(const char *instance, char *buf, size_t size);

/* A pin as a path that works through kern->dir; buf is returned. */
char *crmg_pin_path(const struct crmg_kern *kern, const char *name, char *buf, size_t size);

/*
 * Name of the pin of an interface's link: hook is "xdp" (of what judges, also at TC ingress)
 * or "tc"; bpffs allows no dot.
 */
char *crmg_pin_link(const char *hook, const char *iface, char *buf, size_t size);

/* 0: there is a bpffs; -ENOENT: there is none; -EROFS: it is mounted read-only here. */
int crmg_bpffs_look(void);

/* Makes a folder of an instance, mounts bpffs if there is none. */
int crmg_pin_prepare(const char *instance, const char *folder, struct crmg_err *err);

/*
 * Pins fd as name, replacing atomically what has that name; mode 0640, group crmgate. Does
 * nothing for a kern that has no pins.
 */
int crmg_pin(const struct crmg_kern *kern, int fd, const char *name, struct crmg_err *err);
/*
 * Removes what a killed command was about to pin, a link that nothing else holds too. Needs
 * the lock of the instance.
 */
void crmg_pin_sweep(const struct crmg_kern *kern);
/* True if a pin of that name is there. */
bool crmg_pin_there(const struct crmg_kern *kern, const char *name);
int crmg_unpin(const struct crmg_kern *kern, const char *name);
int crmg_pin_rename(const struct crmg_kern *kern, const char *from, const char *to);

/* Gives a pin of one state to another one, under the same name. Negative errno. */
int crmg_pin_move(const struct crmg_kern *from, const struct crmg_kern *to, const char *name);

/*
 * Opens a pin; writable: read-write if that is allowed (to map it), else read-only.
 * Negative errno.
 */
int crmg_pin_open(const struct crmg_kern *kern, const char *name, bool writable);

/* Takes the lock of an instance: a descriptor, or -EBUSY (said in err). */
int crmg_lock(const char *instance, struct crmg_err *err);

/* The same, after at most a second; -EBUSY is not said. */
int crmg_lock_wait(const char *instance, struct crmg_err *err);

/* The same, and says which generation is in force while it is busy (open.c). */
int crmg_lock_or_say(const char *instance, struct crmg_err *err);

/* A kern without any map and folder: what it makes has no pins, and goes with it. */
int crmg_kern_unpinned(const char *instance, enum crmg_kern_access access,
		       struct crmg_kern **ret, struct crmg_err *err);

/* A kern without any map: only that folder. The lock is closed on failure. */
int crmg_kern_at(const char *instance, const char *folder, enum crmg_kern_access access, int lock,
		 struct crmg_kern **ret, struct crmg_err *err);

/* The same of this build's ABI. -ENOENT if there is none. */
int crmg_kern_new(const char *instance, enum crmg_kern_access access, int lock,
		  struct crmg_kern **ret, struct crmg_err *err);

/* Opens every pinned map. -ENOENT: the folder is empty. */
int crmg_kern_open_maps(struct crmg_kern *kern, struct crmg_err *err);

/* Opens those of a state of an older ABI that are laid out as this build has them. */
void crmg_kern_open_older(struct crmg_kern *kern, int abi);

/*
 * Has an attach ever put a policy in force here? Asked of the kernel where a pin was removed.
 * Negative errno, said in err: that cannot be told.
 */
int crmg_state_begun(const struct crmg_kern *kern, bool *ret, struct crmg_err *err);

/*
 * Ends what a command before this one began and did not live to end. By every command that
 * writes, once it has the lock and the maps.
 */
void crmg_kern_settle(struct crmg_kern *kern, struct crmg_err *err);

/* Sets or clears a bit of control.troubles; true if it was not so. */
bool crmg_trouble_set(struct crmg_kern *kern, enum crmg_trouble id, bool on);

/* Removes every pin of the instance, and leaves its folders. */
void crmg_pin_clear(const struct crmg_kern *kern);

/* Removes a folder of the instance with its pins; that there is none is no error. */
int crmg_pin_drop(const char *instance, const char *folder);

/* Removes every pin of the instance and its folders, or what can be. Negative errno, not said. */
int crmg_pin_purge(const char *instance);

/* What mends an error of opening, making or pinning, as "; do this"; or "". */
const char *crmg_advice(int code);

/* Says which capability or right is missing after EPERM or EACCES: "needs root or ...". */
const char *crmg_missing_rights(void);

/* What the kernel or libbpf finds invalid is a failure, and not the operator's usage. */
static inline int crmg_kern_code(int code)
{
	return code == -EINVAL ? -EIO : code;
}

/* ----------------------------------------------------------------- other.c */

/* True if there is a state of this build's ABI. */
bool crmg_state_there(const char *instance);

/* Names a folder of the instance anew; one of that name must be empty. Negative errno, not said. */
int crmg_state_name(const char *instance, const char *from, const char *to);

/* What was made in CRMG_NEXT_FOLDER is the instance's from now on. */
int crmg_state_commit(const char *instance, struct crmg_err *err);

/* ABI of the newest whole state that an older build left; 0: there is none. */
int crmg_older_abi(const char *instance);

/* -EBUSY, said in err: the state in force is of another ABI. */
int crmg_other_check(const char *instance, struct crmg_err *err);

/* -EEXIST, not said: there is a state of this ABI, also one of which pins were removed. */
int crmg_state_none(const char *instance, struct crmg_err *err);

/* -ENOENT, said: there is none that an attach could go on with. Nothing is touched. */
int crmg_state_needed(const char *instance, struct crmg_err *err);

/* ----------------------------------------------------------------- purge.c */

/*
 * Takes off and removes every state of the instance, also those that this build does not
 * understand; what of one cannot be told is a warning in err. Needs the lock. -ENOENT, not
 * said: there is none.
 */
int crmg_purge_all(const char *instance, struct crmg_err *err);

/* ------------------------------------------------------------------ view.c */

int crmg_view_open(struct crmg_view *view, int fd, size_t value_size, size_t entries,
		   bool writable);

/* Two array maps, one right behind the other in memory; read-only. */
struct crmg_view_part {
	int fd;
	size_t value_size;	/* times entries: whole pages, of the first part */
	size_t entries;
};
int crmg_view_open_pair(struct crmg_view *view, const struct crmg_view_part parts[2]);

int crmg_view_refresh(struct crmg_view *view, int fd, size_t value_size, size_t entries);
void crmg_view_close(struct crmg_view *view);

/* Adds up `words` counters of each CPU. */
void crmg_sum_cpus(__u64 *sum, const __u64 *percpu, size_t words);

/* Reads `count` entries of an array map from the first on, in batches. */
int crmg_read_array(int fd, void *values, size_t value_size, size_t count);

/* ------------------------------------------------------------------ load.c */

struct crmgate_bpf;
struct crmg_attaching;

/*
 * Loads this build's programs for setup, on the maps of kern where it has them, and
 * with new ones otherwise (then pinned, and opened in kern); that of TC ingress, which the
 * verifier needs as long for as for XDP's, only if `a` wants it. The skeleton is the
 * caller's to destroy.
 */
int crmg_load(struct crmg_kern *kern, const struct crmg_setup *setup,
	      const struct crmg_attaching *a, struct crmgate_bpf **ret, struct crmg_err *err);

/* What the programs' read-only data has to be for a setup. */
void crmg_knobs_of(const struct crmg_setup *setup, struct crmg_knobs *ret);

/* A new setup for an image, if not NULL, or a model: capacity, prefixes, a key from the kernel. */
int crmg_setup_new(const struct crmg_model *model, const struct crmg_image *image,
		   struct crmg_setup *ret);

/* The pinned setup. */
int crmg_setup_read(const struct crmg_kern *kern, struct crmg_setup *ret,
		    struct crmg_err *err);

/* ----------------------------------------------------------------- image.c */

/* Pins of fronts: of what the last apply made; while it switches; of what it can go back to. */
#define CRMG_FRONT_PIN      "front"
#define CRMG_FRONT_NEXT     "front_next"
#define CRMG_FRONT_PREVIOUS "front_previous"

/* Pin of the back at a place. */
const char *crmg_back_pin(__u32 place);

int crmg_part_info(int fd, __u32 *ret_id, __u32 *ret_entries);

/* The front that is an entry of "fronts": a descriptor, or negative errno; its id. */
int crmg_front_open(struct crmg_kern *kern, enum crmg_front_place place, __u32 *ret_id);

/* The entry of "fronts" that packets are under now. */
enum crmg_front_place crmg_front_place(struct crmg_kern *kern);

/* --------------------------------------------------------------- install.c */

/* Puts an image in force as it is, with its generation, on a state that has none. */
int crmg_image_restore(struct crmg_kern *kern, const struct crmg_image *image,
		       struct crmg_err *err);

/* The first policy of a new state: no other is in force. */
int crmg_image_first(struct crmg_kern *kern, const struct crmg_model *model,
		     enum crmg_mode mode_cap, struct crmg_err *err);

/* Puts a front into an entry of "fronts", and waits for packets under the one before. */
int crmg_front_put(struct crmg_kern *kern, enum crmg_front_place place, int fd,
		   struct crmg_err *err);

/* --------------------------------------------------------------- confirm.c */

/*
 * Takes an apply that nobody confirmed in time out of the state, and what a command left
 * that died. No packet is judged differently for it, so a failure (a warning in err) is
 * no reason to refuse a command, except to apply. By every command that writes.
 */
int crmg_confirm_settle(struct crmg_kern *kern, struct crmg_err *err);

/* -EBUSY: another apply waits, or this one could not be taken back (confirm_ns not 0). */
int crmg_confirm_check(struct crmg_kern *kern, const struct crmg_image *image,
		       uint64_t confirm_ns, struct crmg_err *err);

/* Before the switch to image: what is in force comes back after confirm_ns. */
int crmg_confirm_arm(struct crmg_kern *kern, const struct crmg_image *image,
		     uint64_t confirm_ns, struct crmg_err *err);

/* There is no deadline any more. */
void crmg_confirm_disarm(struct crmg_kern *kern);

/* After a switch for good: lets go of an older image. */
void crmg_confirm_forget(struct crmg_kern *kern);

/* ------------------------------------------------------------------ rows.c */

/* Opens every chunk of counters that has a pin. */
void crmg_rows_hold(struct crmg_kern *kern);

/* Rows that get a new name with image start at 0; old (or NULL) is in force. */
int crmg_rows_prepare(struct crmg_kern *kern, const struct crmg_image *image,
		      const struct crmg_image *old, struct crmg_err *err);

/* The same for the totals of services that are new: another may have had the index before. */
void crmg_totals_prepare(struct crmg_kern *kern, const struct crmg_image *image);

/* ------------------------------------------------------------------ bans.c */

/* Reads all bans into kern->bans. */
int crmg_bans_read(struct crmg_kern *kern, struct crmg_err *err);

/* Removes bans of services that are not in the image any more. */
int crmg_bans_prune(struct crmg_kern *kern, const struct crmg_image *old,
		    const struct crmg_image *image, struct crmg_err *err);

/* Name of a service of the policy in force; "" for 0: all. */
const char *crmg_ban_service(const struct crmg_kern *kern, uint8_t index);

/* crmg_kern_ban() without events: nothing new, but bans that come back. */
int crmg_bans_add(struct crmg_kern *kern, const struct crmg_ban_request *bans, size_t count,
		  struct crmg_err *err);

/* True if a prefix is in a list that crmg_kern_unban() sorted. */
bool crmg_pfx_listed(const struct crmg_pfx *sorted, size_t count, const struct crmg_pfx *pfx);

/* Ends a change of bans that a command began and did not live to end. */
int crmg_bans_settle(struct crmg_kern *kern, struct crmg_err *err);

/* -------------------------------------------------------------- banindex.c */

/* -ENOSPC: kern->bans has too many prefix lengths. */
int crmg_ban_index_check(const struct crmg_kern *kern);

/*
 * Before the map is changed, and after: from open to close packets find what is in the map,
 * of what kern->bans holds at open; from close on, of what it holds then.
 */
void crmg_ban_index_open(struct crmg_kern *kern);
int crmg_ban_index_close(struct crmg_kern *kern);
bool crmg_ban_index_is_open(const struct crmg_kern *kern);

/* -------------------------------------------------------------- bancheck.c */

/* 0, or -EINVAL and why in err. */
int crmg_ban_check(const struct crmg_image *image, const struct crmg_pfx *pfx,
		   struct crmg_err *err);

/* -------------------------------------------------------------- autobans.c */

/*
 * Ends the automatic bans of sources whose prefix is listed (service 0: at all of them);
 * how many. In force for packets when the caller has made the epoch of bans grow.
 */
size_t crmg_auto_unban(struct crmg_kern *kern, const struct crmg_pfx *sorted, size_t count,
		       uint8_t service);

/* ---------------------------------------------------------------- events.c */

/* Writes an event of user space; the user who did it is added to detail. */
void crmg_event_add(struct crmg_kern *kern, enum crmg_event_kind kind,
		    const struct crmg_pfx *prefix, const char *service, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* ----------------------------------------------------------------- audit.c */

/*
 * From here on a command that dies is noticed by the next one. Needs the lock and the
 * maps; called again, it does nothing.
 */
void crmg_audit_begin(struct crmg_kern *kern);

/* Ends what a forget began that was killed while it erased a slot. Needs the lock. */
void crmg_forget_settle(struct crmg_kern *kern);

/* An entry of a wider prefix, and its address, become nobody's; check: whose it is, 0: nobody's. */
void crmg_wide_erase(struct crmg_total_windows *entry, __u64 check);

/* An entry for the audit log; crmg_event_add() calls it. prefix NULL, service "": none. */
void crmg_audit_add(struct crmg_kern *kern, const char *what, const struct crmg_pfx *prefix,
		    const char *service, const char *details);

/*
 * Writes what was added: 0, or -errno: it could not be, which is a warning in err (NULL: in the
 * kernel only).
 */
int crmg_audit_flush(struct crmg_kern *kern, struct crmg_err *err);

/* Drops what was added: it was taken back. */
void crmg_audit_forget(struct crmg_kern *kern);

/* Writes what is left, and ends what crmg_audit_begin() began. */
void crmg_audit_end(struct crmg_kern *kern);

/* ---------------------------------------------------------------- attach.c */


/* 0, or what would make an attach of the interfaces that are named refuse; said in err. */
int crmg_attach_may(struct crmg_attaching *a);

/* This build's programs on every interface that has other ones. Negative errno, said in err. */
int crmg_attach_renew(struct crmg_attaching *a);

/* Pins the programs that are in use. */
int crmg_attach_pin(struct crmg_attaching *a);

/* ----------------------------------------------------------------- hooks.c */

/* An attach while it runs. */
struct crmg_attaching {
	struct crmg_kern *kern;
	int xdp_prog;
	int tc_in_prog;
	int tc_prog;
	__u32 xdp_id;
	__u32 tc_in_id;	/* 0: not loaded */
	__u32 tc_id;
	const struct crmg_attach_options *options;
	const unsigned int *indexes;	/* of the interfaces that are named */
	bool fresh[CRMG_IFACES_MAX];	/* of these, attached by this command */
	struct crmg_err *err;
};

/* Pins of the programs that attach put in place last, so that a proof can open them. */
#define CRMG_XDP_PIN   "prog_xdp"
#define CRMG_TC_IN_PIN "prog_tc_in"
#define CRMG_TC_PIN    "prog_tc"

__u32 crmg_prog_id(int fd);

/* The pinned link of an interface; hook as for crmg_pin_link(). Negative errno. */
int crmg_link_open(struct crmg_kern *kern, const char *hook, const char *iface);

/* The entry of an interface in map "ifaces" (name "": a free one), or NULL. */
struct crmg_iface *crmg_iface_find(struct crmg_kern *kern, const char *name);

/* Both hooks of an interface that is not attached, both or none. Negative errno, said in err. */
int crmg_iface_attach(struct crmg_attaching *a, const char *name, unsigned int ifindex);

/*
 * This build's programs under the links that are there; one that is gone is warned of.
 * Negative errno, said in err.
 */
int crmg_iface_update(struct crmg_attaching *a, struct crmg_iface *iface);

/* Negative errno, said: that would fail. Asked of all interfaces before the first is renewed. */
int crmg_iface_can_update(struct crmg_attaching *a, const struct crmg_iface *iface);

/* -EBUSY, said in err: XDP program `id` (0: none) is in the way, and must not be replaced. */
int crmg_xdp_free(const struct crmg_attaching *a, const char *name, __u32 id);

/* Why a driver did not take a program natively, and what is done then (interface, why). */
const char *crmg_native_why(int code);
#define CRMG_GENERIC_WARNING "%s: native XDP is not possible (%s): generic XDP is used, which runs " \
	"after GRO, so packet limits are more lenient"

/* Id of the XDP program on an interface of this namespace; 0: none, or not known. */
__u32 crmg_xdp_id(unsigned int ifindex);

/* Takes both programs off an interface of the map, and the interface out of it. */
void crmg_iface_remove(struct crmg_kern *kern, struct crmg_iface *iface);

/*
 * Puts the hooks that are missing on an interface of the map, as far as it can; the
 * links of an older interface of that name are let go. Negative errno, said in err.
 */
int crmg_iface_mend(struct crmg_attaching *a, struct crmg_iface *entry, bool xdp, bool tc);

/* Gives an interface of the map, and its pins, another name. Negative errno. */
int crmg_iface_rename(struct crmg_kern *kern, struct crmg_iface *iface, const char *name);

/* Removes the links of an interface that is gone; it stays in the map. */
void crmg_iface_unlink(struct crmg_kern *kern, const struct crmg_iface *iface);

/* -EXDEV if it cannot be taken off from this network namespace. */
int crmg_iface_reachable(const struct crmg_iface *iface, struct crmg_err *err);

/* The same, and -EPERM if it cannot with the capabilities of this process. */
int crmg_iface_removable(const struct crmg_iface *iface, struct crmg_err *err);

/* ------------------------------------------------------------------ tcin.c */

/*
 * Puts a->tc_in_prog at TC ingress, before all other programs; sets xdp_mode and tc_kind.
 * Negative errno, said in err: -EBUSY if the place belongs to somebody else.
 */
int crmg_tcin_attach(struct crmg_attaching *a, struct crmg_iface *iface);

/* -EBUSY, said in err: TC ingress of an interface that we do not have is another instance's. */
int crmg_tcin_free(const struct crmg_attaching *a, const char *name, unsigned int ifindex);

/* True if an attach needs a->tc_in_prog: it was asked for, is in use, or auto may fall to it. */
bool crmg_tcin_wanted(const struct crmg_attaching *a);

/* Another program in the place of ours (clsact; a link is updated as every link). */
int crmg_tcin_replace(const struct crmg_iface *iface, int prog);
void crmg_tcin_remove(const struct crmg_iface *iface);

/* The same only of a filter of xdp_prog_id. */
void crmg_tcin_detach(const struct crmg_iface *iface);

/* Pins a new link; closes it. A link without a pin is gone when it is closed. */
int crmg_link_pin(struct crmg_kern *kern, int link, const char *hook, const char *iface,
		  struct crmg_err *err);

/* ---------------------------------------------------------------- clsact.c */

/* -EBUSY, said in err: a filter of somebody else is in our place at TC egress. */
int crmg_clsact_free(const struct crmg_iface *iface, struct crmg_err *err);

/* A program into our place, which is free or ours. Negative errno. */
int crmg_clsact_attach(const struct crmg_iface *iface, int prog);

/* Takes it off, if it is ours. */
void crmg_clsact_detach(const struct crmg_iface *iface);

/* ---------------------------------------------------------------- ifaces.c */

/*
 * Ours among the filters of a clsact qdisc. What arrives is judged before any other filter
 * can let it pass; what leaves is counted after all of them.
 */
#define CRMG_CLSACT_HANDLE   1
#define CRMG_CLSACT_FIRST    1
#define CRMG_CLSACT_PRIORITY 0xc12a

/*
 * Refuses interfaces that do not exist, have no Ethernet header, or are stacked on one another
 * or on a wanted one.
 */
int crmg_ifaces_check(struct crmg_kern *kern, char *const *names, size_t count,
		      unsigned int *ret_indexes, struct crmg_err *err);

/* What is attached to an interface of the map now. */
void crmg_iface_read(struct crmg_kern *kern, const struct crmg_iface *iface,
		     struct crmg_iface_state *ret);

/* True if both programs are on an interface of the map, as far as can be told. */
bool crmg_iface_alive(struct crmg_kern *kern, const struct crmg_iface *iface);

/* Closes the links of an interface of the map, of which the pins are gone. */
void crmg_iface_let_go(struct crmg_kern *kern, const struct crmg_iface *iface);

/* Where the link is attached; 0: the interface is gone, or the link was taken off. */
__u32 crmg_link_ifindex(int fd);

/* Fills kern->ifaces; the number of entries. */
size_t crmg_ifaces_read(struct crmg_kern *kern);

/* Inode of the network namespace that this process is in. */
__u64 crmg_netns(void);

/* ----------------------------------------------------------------- links.c */

struct crmg_rtlink {
	unsigned int index, flags, mtu;
	unsigned int type;	/* ARPHRD_ETHER, ... */
	unsigned int master;	/* what it is a port of (bond, bridge); 0: nothing */
	unsigned int parent;	/* what it stands on (VLAN, macvlan), in this namespace; 0: nothing */
	char kind[16];		/* "veth", "bond", ...; "": hardware */
};

int crmg_rtlink_read(unsigned int ifindex, struct crmg_rtlink *ret);

/* True if packets of lower are seen at upper too, also if others are between them. */
bool crmg_rtlink_stacked(unsigned int upper, unsigned int lower);

/* --------------------------------------------------------------- doctor_*.c */

struct crmg_doctor_facts;
struct crmg_host_facts;
struct crmg_iface_facts;

/* What can be read of a host, of an interface, and of the rules of NAT; with getters only. */
void crmg_doctor_host(struct crmg_host_facts *ret);
void crmg_kernel_read(struct crmg_host_facts *ret);	/* of these: which kernel it is */
void crmg_doctor_iface(const char *name, struct crmg_iface_facts *ret);
int crmg_doctor_nat(struct crmg_doctor_facts *ret);

/* ---------------------------------------------------------------- repin.c */

void crmg_held_close(struct crmg_kern *kern);

#endif
