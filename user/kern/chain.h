/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chain.h - a place in the dispatcher of libxdp, beside XDP programs of others: chain.c takes
 * it and gives it up, chainread.c looks at it. There the pin that is a link's elsewhere
 * ("xdp_IFACE") is the array out of which the extension calls the program that judges.
 */
#ifndef CRMGATE_KERN_CHAIN_H
#define CRMGATE_KERN_CHAIN_H

#include "internal.h"

/* ------------------------------------------------------------- chainread.c */

/* True if XDP program `id` of an interface is a dispatcher of libxdp, of which we see the pins. */
bool crmg_chain_is_dispatcher(unsigned int ifindex, __u32 id);

/* True if in dispatcher `id` an extension of crmgate's calls a program. */
bool crmg_chain_judges(unsigned int ifindex, __u32 id);

/*
 * True if a program is an extension of ours; *ret_judge: id of what it calls, as of
 * crmg_chain_program().
 */
bool crmg_chain_is_ours(int prog, long *ret_judge);

/* Has this process the capability (CAP_SYS_ADMIN) to change what is in a dispatcher? */
bool crmg_chain_may(void);

/* Id of the program in an array; 0: none. Negative errno: not known. */
long crmg_chain_program(int array);

/*
 * Is the extension of that array in dispatcher `id`? Fills in the place: from 1 on, and of
 * how many. Negative errno: cannot be told.
 */
int crmg_chain_find(const struct crmg_iface *iface, __u32 id, int array,
		    struct crmg_iface_state *ret);

/* ----------------------------------------------------------------- chain.c */

/* True if interfaces of the instance are, or are to be, in dispatchers. */
bool crmg_chain_wanted(const struct crmg_attaching *a);

/*
 * Puts an extension into the dispatcher of an interface, or makes one; sets xdp_mode. Negative
 * errno, said in err.
 */
int crmg_chain_attach(struct crmg_attaching *a, struct crmg_iface *iface);

/* What it needs of the kernel and of libxdp, tried without an interface; name: for the error. */
int crmg_chain_rehearse(struct crmg_attaching *a, const char *name);

/* Another program into the array of an interface: no packet goes without, none is judged twice. */
int crmg_chain_renew(const struct crmg_attaching *a, const struct crmg_iface *iface);

/* Takes our extension out of the dispatcher; what others have there stays. */
void crmg_chain_remove(struct crmg_kern *kern, const struct crmg_iface *iface);

/*
 * The same for an interface of this namespace of which no more is known than the id of the
 * program that judges (0: not even that).
 */
void crmg_chain_leave(unsigned int ifindex, __u32 judge);

/* -EPERM, said in err: it is, or may be, in a dispatcher and cannot be taken out by us. */
int crmg_chain_may_leave(const struct crmg_iface *iface, struct crmg_err *err);

#endif
