// SPDX-License-Identifier: GPL-2.0
/* doctor_host.c - checks of the host: kernel, rights, bpffs, memory that it has for BPF. */
#include "checks.h"

#include <string.h>

bool crmg_kernel_older(const struct crmg_host_facts *host, unsigned int major, unsigned int minor)
{
	return host->version[0] < major || (host->version[0] == major && host->version[1] < minor);
}

static void judge_kernel(struct crmg_checking *c)
{
	if (!crmg_kernel_older(c->host, CRMG_KERNEL_MAJOR, CRMG_KERNEL_MINOR)) {
		crmg_advise(c, CRMG_GRADE_OK, "%s", c->host->release);
		return;
	}
	crmg_advise(c, CRMG_GRADE_WARNING, "%s: crmgate is written and tested for kernels from "
		    "%u.%u on", c->host->release, CRMG_KERNEL_MAJOR, CRMG_KERNEL_MINOR);
	crmg_mend(c, "apt-get install linux-image-amd64 && reboot");
}

static void judge_rights(struct crmg_checking *c)
{
	if (!c->host->missing[0]) {
		crmg_advise(c, CRMG_GRADE_OK, "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are there");
		return;
	}
	crmg_advise(c, CRMG_GRADE_FAIL, "attach from here would be refused; missing: %s",
		    c->host->missing);
	crmg_mend(c, "sudo crmgate doctor");
}

static void judge_load(struct crmg_checking *c)
{
	if (!c->host->load) {
		crmg_advise(c, CRMG_GRADE_OK, "the kernel takes XDP programs");
	} else if (c->host->missing[0]) {
		crmg_advise(c, CRMG_GRADE_NOTE, "without these rights it cannot be tried whether "
			    "the kernel takes programs");
	} else {
		crmg_advise(c, CRMG_GRADE_FAIL, "the kernel refuses XDP programs: %s",
			    strerror(-c->host->load));
		crmg_mend(c, "grep -E 'CONFIG_BPF_SYSCALL|CONFIG_XDP' /boot/config-%s; dmesg | "
			  "grep -i lockdown", c->host->release);
	}
}

static void judge_lockdown(struct crmg_checking *c)
{
	if (!c->host->lockdown[0] || !strcmp(c->host->lockdown, "none"))
		crmg_advise(c, CRMG_GRADE_OK, "the kernel is not locked down");
	else
		crmg_advise(c, CRMG_GRADE_OK, "kernel lockdown (%s) takes nothing that crmgate uses",
			    c->host->lockdown);
}

static void judge_unprivileged(struct crmg_checking *c)
{
	if (c->host->unprivileged) {
		crmg_advise(c, CRMG_GRADE_OK, "only the privileged may load BPF programs");
		return;
	}
	crmg_advise(c, CRMG_GRADE_NOTE, "every user of this host may load BPF programs");
	crmg_mend(c, "sysctl -w kernel.unprivileged_bpf_disabled=2");
}

static void judge_btf(struct crmg_checking *c)
{
	if (c->host->btf)
		crmg_advise(c, CRMG_GRADE_OK, "the kernel has BTF");
	else
		crmg_advise(c, CRMG_GRADE_NOTE, "the kernel has no BTF: crmgate does not need it, "
			    "bpftool shows less");
}

static void judge_jit(struct crmg_checking *c)
{
	if (!c->host->jit) {
		crmg_advise(c, CRMG_GRADE_WARNING, "programs are interpreted: a packet costs several "
			    "times as much");
		crmg_mend(c, "sysctl -w net.core.bpf_jit_enable=1");
	} else if (c->host->jit_harden == 2) {
		crmg_advise(c, CRMG_GRADE_NOTE, "constants in programs are blinded, those of root too: a "
			    "packet costs more");
		crmg_mend(c, "sysctl -w net.core.bpf_jit_harden=1");
	} else {
		crmg_advise(c, CRMG_GRADE_OK, "programs are compiled to machine code");
	}
}

static void judge_stats(struct crmg_checking *c)
{
	if (!c->host->stats) {
		crmg_advise(c, CRMG_GRADE_OK, "the kernel does not time programs");
		return;
	}
	crmg_advise(c, CRMG_GRADE_NOTE, "the kernel times each run of a program: a packet costs two "
		    "readings of the clock more");
	crmg_mend(c, "sysctl -w kernel.bpf_stats_enabled=0");
}

static void judge_tcx(struct crmg_checking *c)
{
	if (c->host->tcx)
		crmg_advise(c, CRMG_GRADE_OK, "TC programs are links (tcx)");
	else if (c->host->missing[0] || c->host->load)
		crmg_advise(c, CRMG_GRADE_NOTE, "it cannot be tried whether the kernel has tcx");
	else
		crmg_advise(c, CRMG_GRADE_NOTE, "no tcx (kernel 6.6): TC uses clsact filters, which "
			    "anybody's 'tc qdisc del' removes");
}

static void judge_bpffs(struct crmg_checking *c)
{
	switch (c->host->bpffs) {
	case CRMG_BPFFS_THERE:
		crmg_advise(c, CRMG_GRADE_OK, "bpffs is mounted, pins stay");
		break;
	case CRMG_BPFFS_MISSING:
		crmg_advise(c, CRMG_GRADE_WARNING, "/sys/fs/bpf is no bpffs: attach will mount one, "
			    "in its own mount namespace");
		crmg_mend(c, "mount -t bpf bpf /sys/fs/bpf");
		break;
	case CRMG_BPFFS_READ_ONLY:
		crmg_advise(c, CRMG_GRADE_FAIL, "bpffs is mounted read-only here: nothing can be "
			    "pinned");
		crmg_mend(c, "mount -o remount,rw /sys/fs/bpf");
	}
}

static void judge_memlock(struct crmg_checking *c)
{
	if (!crmg_kernel_older(c->host, 5, 11) || c->host->memlock_bytes == UINT64_MAX) {
		crmg_advise(c, CRMG_GRADE_OK, "RLIMIT_MEMLOCK does not bound BPF maps here");
		return;
	}
	crmg_advise(c, CRMG_GRADE_FAIL, "before kernel 5.11 RLIMIT_MEMLOCK (%llu KiB) bounds BPF maps",
		    (unsigned long long)c->host->memlock_bytes >> 10);
	crmg_mend(c, "ulimit -l unlimited");
}

/* Reading one of these costs about a microsecond, and limits need the time. */
static void judge_clock(struct crmg_checking *c)
{
	static const char *const slow[] = { "hpet", "acpi_pm", "jiffies" };
	bool found = false;

	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++)
		found = found || !strcmp(c->host->clock, slow[i]);
	crmg_advise(c, found ? CRMG_GRADE_WARNING : CRMG_GRADE_OK, "clock source %s%s",
		    c->host->clock[0] ? c->host->clock : "not known", found ?
		    (c->host->clock[0] == 'j' ? ": too coarse for limits" :
						": a packet whose time is read costs a microsecond "
						"more") : "");
	if (found && c->host->clock_tsc)
		crmg_mend(c, "echo tsc >/sys/devices/system/clocksource/clocksource0/"
			  "current_clocksource");
	else if (found)
		crmg_mend(c, "dmesg | grep -i clocksource  # says why the kernel does not trust tsc");
}

const struct crmg_check crmg_host_checks[] = {
	{ "kernel", judge_kernel },
	{ "capabilities", judge_rights },
	{ "load", judge_load },
	{ "lockdown", judge_lockdown },
	{ "unprivileged_bpf", judge_unprivileged },
	{ "btf", judge_btf },
	{ "jit", judge_jit },
	{ "bpf_stats", judge_stats },
	{ "tcx", judge_tcx },
	{ "bpffs", judge_bpffs },
	{ "memlock", judge_memlock },
	{ "clock", judge_clock },
	{ 0 },
};
