// SPDX-License-Identifier: GPL-2.0
/*
 * doctor.c - facts of the host, for the doctor: what /proc and /sys say, and what the kernel
 * answers to programs that are loaded and let go at once. Nothing is changed.
 */
#include "../report/doctor.h"

#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <linux/filter.h>

#include "../base/peers.h"
#include "../base/util.h"
#include "internal.h"

/* libbpf 1.1 has no name for it (kernel 6.6). */
#define CRMG_BPF_TCX_EGRESS 47

/* Loads a program that passes everything, and lets it go: a descriptor, or negative errno. */
static int crmg_try_load(enum bpf_prog_type type, __u32 flags)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = flags);
	int fd = bpf_prog_load(type, "crmg_doctor", "GPL", pass, CRMG_ARRAY_SIZE(pass), &opts);

	return fd < 0 ? -errno : fd;
}

static int crmg_try_xdp(void)
{
	int fd = crmg_try_load(BPF_PROG_TYPE_XDP, BPF_F_XDP_HAS_FRAGS);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

/* A kernel that knows tcx looks for the interface, which nobody has; others know no such hook. */
static bool crmg_try_tcx(void)
{
	crmg_autoclose int prog = crmg_try_load(BPF_PROG_TYPE_SCHED_CLS, 0);
	int link;

	if (prog < 0)
		return false;
	link = bpf_link_create(prog, INT_MAX, CRMG_BPF_TCX_EGRESS, NULL);
	if (link >= 0)
		close(link);
	return link >= 0 || errno == ENODEV;
}

/* What the cgroups of this process leave (cgroup v2); UINT64_MAX: no limit. */
static uint64_t crmg_cgroup_left(void)
{
	char path[PATH_MAX] = "/sys/fs/cgroup", file[PATH_MAX + 32];
	size_t root = strlen(path);
	crmg_autofree char *text = NULL;
	uint64_t left = UINT64_MAX;
	const char *own;
	size_t size;

	if (crmg_proc_read("/proc/self/cgroup", &text, &size))
		return left;
	own = strstr(text, "0::/");
	if (!own)
		return left;
	snprintf(path + root, sizeof(path) - root, "%.*s", (int)strcspn(own + 3, "\n"), own + 3);
	for (char *end = path + strlen(path); end && strlen(path) > root;
	     end = strrchr(path, '/')) {
		long long max, current;

		*end = '\0';
		if (strlen(path) < root)
			break;
		snprintf(file, sizeof(file), "%s/memory.max", path);
		max = crmg_number_read(file, -1);
		snprintf(file, sizeof(file), "%s/memory.current", path);
		current = crmg_number_read(file, 0);
		if (max >= 0 && (uint64_t)(max > current ? max - current : 0) < left)
			left = max > current ? max - current : 0;
	}
	return left;
}

static uint64_t crmg_memory_available(void)
{
	crmg_autofree char *text = NULL;
	unsigned long long kilobytes = 0;
	const char *line;
	size_t size;

	if (crmg_proc_read("/proc/meminfo", &text, &size))
		return 0;
	line = strstr(text, "MemAvailable:");
	return line && sscanf(line, "MemAvailable: %llu", &kilobytes) == 1 ? kilobytes << 10 : 0;
}

/* "none [integrity] confidentiality": the word in brackets. */
static void crmg_lockdown_read(char *ret, size_t size)
{
	char line[80], *word;

	crmg_line_read("/sys/kernel/security/lockdown", line, sizeof(line));
	word = strchr(line, '[');
	if (word)
		word[strcspn(word, "]")] = '\0';
	crmg_copy(ret, size, word ? word + 1 : "");
}

static void crmg_clock_read(struct crmg_host_facts *ret)
{
#define CRMG_CLOCKS "/sys/devices/system/clocksource/clocksource0/"
	char line[128];

	crmg_line_read(CRMG_CLOCKS "current_clocksource", ret->clock, sizeof(ret->clock));
	crmg_line_read(CRMG_CLOCKS "available_clocksource", line, sizeof(line));
	ret->clock_tsc = !strncmp(line, "tsc ", 4) || strstr(line, " tsc ");
}

static void crmg_ports_read(struct crmg_host_facts *ret)
{
	char line[64];

	crmg_line_read("/proc/sys/net/ipv4/ip_local_port_range", line, sizeof(line));
	if (sscanf(line, "%hu %hu", &ret->ephemeral[0], &ret->ephemeral[1]) != 2)
		ret->ephemeral[0] = ret->ephemeral[1] = 0;
	crmg_line_read("/proc/sys/net/ipv4/ip_local_reserved_ports", ret->reserved,
		       sizeof(ret->reserved));
}

void crmg_kernel_read(struct crmg_host_facts *ret)
{
	struct utsname name;

	if (uname(&name))
		return;
	crmg_copy(ret->release, sizeof(ret->release), name.release);
	sscanf(name.release, "%u.%u", &ret->version[0], &ret->version[1]);
}

void crmg_doctor_host(struct crmg_host_facts *ret)
{
	const char *missing = crmg_missing_rights();
	struct rlimit memlock;
	int bpffs = crmg_bpffs_look();

	*ret = (struct crmg_host_facts){ .cpus = crmg_kern_cpus() };
	crmg_kernel_read(ret);
	missing = strchr(missing, ':');
	crmg_copy(ret->missing, sizeof(ret->missing), missing ? missing + 2 : "");
	ret->btf = !access("/sys/kernel/btf/vmlinux", F_OK);
	ret->jit = crmg_number_read("/proc/sys/net/core/bpf_jit_enable", -1);
	ret->jit_harden = crmg_number_read("/proc/sys/net/core/bpf_jit_harden", -1);
	ret->stats = crmg_number_read("/proc/sys/kernel/bpf_stats_enabled", 0) > 0;
	ret->unprivileged = crmg_number_read("/proc/sys/kernel/unprivileged_bpf_disabled", -1);
	crmg_lockdown_read(ret->lockdown, sizeof(ret->lockdown));
	ret->load = crmg_try_xdp();
	ret->tcx = crmg_try_tcx();
	ret->bpffs = bpffs == -EROFS ? CRMG_BPFFS_READ_ONLY : bpffs ? CRMG_BPFFS_MISSING :
		     CRMG_BPFFS_THERE;
	ret->memory_bytes = crmg_memory_available();
	ret->memory_limit_bytes = crmg_cgroup_left();
	ret->memlock_bytes = getrlimit(RLIMIT_MEMLOCK, &memlock) ||
			     memlock.rlim_cur == RLIM_INFINITY ? UINT64_MAX : memlock.rlim_cur;
	crmg_clock_read(ret);
	ret->forwards[0] = crmg_number_read("/proc/sys/net/ipv4/ip_forward", 0) > 0;
	ret->forwards[1] = crmg_number_read("/proc/sys/net/ipv6/conf/all/forwarding", 0) > 0;
	crmg_ports_read(ret);
}

/* ------------------------------------------------------------ which interfaces */

static int crmg_facts_add(struct crmg_doctor_facts *facts, const char *name)
{
	struct crmg_iface_facts *iface;

	for (size_t i = 0; i < facts->iface_count; i++)
		if (!strcmp(facts->ifaces[i].name, name))
			return 0;
	iface = crmg_grow(&facts->ifaces, &facts->iface_count, sizeof(*iface));
	if (!iface)
		return -ENOMEM;
	crmg_doctor_iface(name, iface);
	return 0;
}

/* The interfaces of the default routes, of both families. */
static int crmg_facts_default(struct crmg_doctor_facts *facts)
{
	static const char *const files[] = { "/proc/net/route", "/proc/net/ipv6_route" };
	int code = 0;

	for (size_t f = 0; !code && f < CRMG_ARRAY_SIZE(files); f++) {
		crmg_autofree char *text = NULL;
		char *line, *rest = NULL;
		size_t size;

		if (crmg_proc_read(files[f], &text, &size))
			continue;
		line = strtok_r(text, "\n", &rest);
		for (; !code && line; line = strtok_r(NULL, "\n", &rest)) {
			char name[IFNAMSIZ];
			unsigned int destination, mask;
			bool found = f ? sscanf(line, "%*32[0] %x %*s %*s %*s %*s %*s %*s %*s %15s",
						&mask, name) == 2 :
				     sscanf(line, "%15s %x %*s %*s %*s %*s %*s %x", name,
					    &destination, &mask) == 3 && !destination;

			if (found && !mask && strcmp(name, "lo"))
				code = crmg_facts_add(facts, name);
		}
	}
	return code;
}

/* Which of those that are attached here is stacked with an interface. */
static void crmg_facts_judged(const struct crmg_snapshot *snap, struct crmg_iface_facts *iface)
{
	for (size_t i = 0; i < snap->iface_count; i++) {
		const struct crmg_iface *other = &snap->ifaces[i].wanted;

		if (snap->ifaces[i].present && other->netns == crmg_netns() &&
		    other->ifindex != iface->index &&
		    (crmg_rtlink_stacked(iface->index, other->ifindex) ||
		     crmg_rtlink_stacked(other->ifindex, iface->index)))
			crmg_copy(iface->judged_at, sizeof(iface->judged_at), other->name);
	}
}

int crmg_kern_doctor(char *const *names, size_t count, const struct crmg_snapshot *snap,
		     struct crmg_doctor_facts *ret)
{
	int code = 0;

	*ret = (struct crmg_doctor_facts){ 0 };
	libbpf_set_print(NULL);
	crmg_doctor_host(&ret->host);
	code = crmg_doctor_nat(ret);
	for (size_t i = 0; !code && i < count; i++)
		code = crmg_facts_add(ret, names[i]);
	if (!code && !count)
		code = crmg_facts_default(ret);
	for (size_t i = 0; snap && i < ret->iface_count; i++)
		crmg_facts_judged(snap, &ret->ifaces[i]);
	return code;
}

void crmg_doctor_facts_free(struct crmg_doctor_facts *facts)
{
	free(facts->ifaces);
	free(facts->maps);
	*facts = (struct crmg_doctor_facts){ 0 };
}
