/* SPDX-License-Identifier: GPL-2.0 */
/*
 * once.h - what another CPU may read or write meanwhile is read and written once; and what the
 * compiler may know nothing of (natively it may).
 */
#ifndef CRMGATE_BPF_ONCE_H
#define CRMGATE_BPF_ONCE_H

#define CRMG_READ_ONCE(x)     (*(volatile typeof(x) *)&(x))
#define CRMG_WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

#ifndef barrier_var
#define barrier_var(x) ((void)(x))
#endif

#endif
