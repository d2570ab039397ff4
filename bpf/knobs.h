/* SPDX-License-Identifier: GPL-2.0 */
/* knobs.h - load-time settings (abi.h): constants to the verifier, so masks cost nothing. */
#ifndef CRMGATE_BPF_KNOBS_H
#define CRMGATE_BPF_KNOBS_H

const volatile struct crmg_knobs crmg_knobs = {
	.capacity = 1024,
	.line_mask = 1024 / CRMG_WAYS - 1,
};

#endif
