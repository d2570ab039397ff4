/* SPDX-License-Identifier: GPL-2.0 */
/* savedfile.h - the formats that save.c writes and saved.c reads. */
#ifndef CRMGATE_KERN_SAVEDFILE_H
#define CRMGATE_KERN_SAVEDFILE_H

#include "../audit/entry.h"
#include "saved.h"

#define CRMG_SAVED_VERSION 1	/* of the JSON files */

/* Before the cells of policy.image. */
struct crmg_saved_head {
	char magic[8];
	__u32 abi;
	__u32 layout;		/* crmg_saved_layout() of the build that wrote it */
	__u64 cells;
	__u8 sha256[CRMG_AUDIT_HASH];	/* of the cells */
};
CRMG_SIZE(struct crmg_saved_head, 56);

#define CRMG_SAVED_MAGIC "CRMGPOL1"

/* Changes with the size of anything in an image. */
__u32 crmg_saved_layout(void);

#endif
