// SPDX-License-Identifier: GPL-2.0
/* test_doctor.c - each check of the doctor from the one fact that it is about. */
#include <errno.h>
#include <net/if_arp.h>

#include "snapshot.h"
#include "../../user/report/doctor.h"

static struct crmg_doctor_facts facts;
static struct crmg_iface_facts iface;
static struct crmg_patient patient;
static struct crmg_diagnosis diagnosis;

/* A host on which nothing is wrong, with a NIC that is not attached yet. */
static int setup(void **state)
{
	(void)state;
	fixture_init();
	iface = (struct crmg_iface_facts){
		.name = "eth1", .index = 3, .up = true, .type = ARPHRD_ETHER, .mtu = 1500,
		.driver = "ixgbe", .features_known = true, .features = CRMG_XDP_FEATURE_BASIC,
	};
	facts = (struct crmg_doctor_facts){
		.host = {
			.version = { 6, 18 }, .release = "6.18.1", .btf = true, .jit = 1,
			.unprivileged = 2, .lockdown = "none", .tcx = true,
			.memory_bytes = 1ULL << 30, .memory_limit_bytes = UINT64_MAX,
			.memlock_bytes = 8 << 20, .cpus = 2, .clock = "tsc",
			.ephemeral = { 32768, 60999 },
		},
		.ifaces = &iface, .iface_count = 1, .maps_known = true,
	};
	patient = (struct crmg_patient){
		.instance = "default", .facts = &facts, .image = &fx.image,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	crmg_diagnosis_free(&diagnosis);
	return 0;
}

/* All that is not ok, as "grade check | ...". Each that matters says what mends it. */
static const char *found(void)
{
	static char text[1024];

	crmg_diagnosis_free(&diagnosis);
	assert_int_equal(crmg_diagnose(&patient, &diagnosis), 0);
	text[0] = '\0';
	for (size_t i = 0; i < diagnosis.count; i++) {
		const struct crmg_advice *a = &diagnosis.items[i];

		assert_true(a->text[0] != '\0');
		if (a->grade >= CRMG_GRADE_WARNING)
			assert_true(a->mend[0] != '\0');
		if (a->grade == CRMG_GRADE_OK)
			assert_true(a->mend[0] == '\0');
		else
			sprintf(text + strlen(text), "%s%s %s", text[0] ? " | " : "",
				crmg_grade_name(a->grade), a->check);
	}
	return text;
}

/* The first that is not ok. */
static const struct crmg_advice *first(void)
{
	for (size_t i = 0; i < diagnosis.count; i++)
		if (diagnosis.items[i].grade != CRMG_GRADE_OK)
			return &diagnosis.items[i];
	fail_msg("all is ok");
	return NULL;
}

static const char *mend(void)
{
	return first()->mend;
}

static void attach(enum crmg_xdp_mode mode)
{
	add_iface("eth1")->wanted.xdp_mode = mode;
	fx.snap.proof.boot_ns = BOOT_NS;
	fx.snap.proof.generation = GENERATION;
	patient.snap = &fx.snap;
	iface.xdp_id = mode == CRMG_XDP_TC ? 0 : 77;
	crmg_copy(iface.xdp_name, sizeof(iface.xdp_name), mode == CRMG_XDP_TC ? "" : "crmg_xdp");
}

static void test_healthy(void **state)
{
	(void)state;
	assert_string_equal(found(), "");
	assert_int_equal(crmg_diagnosis_grade(&diagnosis), CRMG_GRADE_OK);
	assert_true(diagnosis.count >= 20);
	attach(CRMG_XDP_NATIVE);
	assert_string_equal(found(), "");
}

static void test_kernel(void **state)
{
	(void)state;
	facts.host.version[0] = 6;
	facts.host.version[1] = 0;
	assert_string_equal(found(), "warning kernel");
	facts.host.version[0] = 5;
	facts.host.version[1] = 10;
	assert_string_equal(found(), "warning kernel | fail memlock");
	facts.host.memlock_bytes = UINT64_MAX;
	assert_string_equal(found(), "warning kernel");
	facts.host.version[0] = 7;
	assert_string_equal(found(), "");
	facts.host.btf = false;
	assert_string_equal(found(), "note btf");
	facts.host.btf = true;
	facts.host.tcx = false;
	assert_string_equal(found(), "note tcx");
}

static void test_load(void **state)
{
	(void)state;
	facts.host.load = -EPERM;
	facts.host.tcx = false;
	assert_string_equal(found(), "fail load | note tcx");
	strcpy(facts.host.missing, "CAP_BPF");
	assert_string_equal(found(), "fail capabilities | note load | note tcx");
	assert_non_null(strstr(first()->text, "CAP_BPF"));
}

static void test_settings(void **state)
{
	(void)state;
	facts.host.jit = 0;
	assert_string_equal(found(), "warning jit");
	assert_string_equal(mend(), "sysctl -w net.core.bpf_jit_enable=1");
	facts.host.jit = 1;
	facts.host.jit_harden = 2;
	assert_string_equal(found(), "note jit");
	facts.host.jit = -1;
	facts.host.jit_harden = 1;
	facts.host.stats = true;
	assert_string_equal(found(), "note bpf_stats");
	facts.host.stats = false;
	facts.host.unprivileged = 0;
	assert_string_equal(found(), "note unprivileged_bpf");
	facts.host.unprivileged = -1;
	strcpy(facts.host.lockdown, "confidentiality");
	assert_string_equal(found(), "");
	facts.host.bpffs = CRMG_BPFFS_MISSING;
	assert_string_equal(found(), "warning bpffs");
	facts.host.bpffs = CRMG_BPFFS_READ_ONLY;
	assert_string_equal(found(), "fail bpffs");
	assert_string_equal(mend(), "mount -o remount,rw /sys/fs/bpf");
}

static void test_clock(void **state)
{
	(void)state;
	strcpy(facts.host.clock, "hpet");
	assert_string_equal(found(), "warning clock");
	assert_non_null(strstr(mend(), "dmesg"));
	facts.host.clock_tsc = true;
	found();
	assert_non_null(strstr(mend(), "echo tsc >"));
	strcpy(facts.host.clock, "kvm-clock");
	assert_string_equal(found(), "");
}

static void test_memory(void **state)
{
	struct crmg_memory memory;

	(void)state;
	crmg_memory_of(&fx.image, 2, &memory);
	facts.host.memory_bytes = memory.total * 2;
	assert_string_equal(found(), "");
	facts.host.memory_bytes--;
	assert_string_equal(found(), "note memory");
	facts.host.memory_bytes = memory.total - 1;
	assert_string_equal(found(), "fail memory");
	facts.host.memory_bytes = 0;
	assert_string_equal(found(), "");
	facts.host.memory_limit_bytes = memory.total - 1;
	assert_string_equal(found(), "fail memory");
	/* What is there already needs no room. */
	attach(CRMG_XDP_NATIVE);
	assert_string_equal(found(), "");
}

static void test_capacity(void **state)
{
	struct crmg_image other = { 0 };

	(void)state;
	attach(CRMG_XDP_NATIVE);
	patient.file = "p.yaml";
	assert_string_equal(found(), "");
	fx.policy.model.capacity *= 2;
	other = compiled(&fx.policy, NULL, 1);
	patient.image = &other;
	assert_string_equal(found(), "fail capacity");
	assert_non_null(strstr(mend(), "--policy p.yaml"));
	crmg_image_free(&other);
}

static void test_local_ports(void **state)
{
	(void)state;
	facts.host.ephemeral[0] = 54;
	assert_string_equal(found(), "warning local_ports");
	assert_string_equal(mend(), "sysctl -w net.ipv4.ip_local_reserved_ports=443,53-54");
	strcpy(facts.host.reserved, "443");
	found();
	assert_string_equal(mend(), "sysctl -w net.ipv4.ip_local_reserved_ports=443,53-54");
	strcpy(facts.host.reserved, "50-60,443");
	assert_string_equal(found(), "");
	/* A range that is reserved in part is not. */
	strcpy(facts.host.reserved, "54,400-442,443");
	assert_string_equal(found(), "warning local_ports");
}

static void test_forwarding(void **state)
{
	(void)state;
	facts.host.forwards[1] = true;
	assert_string_equal(found(), "warning forwarding");
	/* Of "dns", which has addresses, nothing is said. */
	assert_null(strstr(first()->text, "dns"));
	fx.policy.services[0].addresses = fx.policy.services[1].addresses;
	fx.policy.services[0].address_count = 1;
	crmg_image_free(&fx.image);
	compile_fixture();
	assert_string_equal(found(), "");
}

/* What throttling does depends on who sends, and is said. */
static void test_throttle(void **state)
{
	struct crmg_model_bytes_out out = {
		.count = 1, .quota = { { 8000000, 60 } },
		.on_budget = CRMG_ON_BUDGET_THROTTLE, .throttle_to = 64000,
	};

	(void)state;
	fx.policy.policies[0].bytes_out = out;
	crmg_image_free(&fx.image);
	compile_fixture();
	assert_string_equal(found(), "");
	facts.host.forwards[0] = true;
	assert_string_equal(found(), "warning forwarding | note throttle");
	/* A budget that sources share throttles as well as their own. */
	fx.policy.policies[0].total.bytes_out = out;
	fx.policy.policies[0].bytes_out.count = 0;
	crmg_image_free(&fx.image);
	compile_fixture();
	assert_string_equal(found(), "warning forwarding | note throttle");
}

/* A rule that leads to a service is a way around it only from a port that it has not. */
static void test_nat(void **state)
{
	struct crmg_port_map map = {
		.transport = CRMG_TRANSPORT_TCP, .first = 8443, .last = 8443, .to_port = 443,
	};

	(void)state;
	facts.maps = &map;
	facts.map_count = 1;
	assert_string_equal(found(), "fail nat");
	assert_non_null(strstr(mend(), "add 8443 to the ports of web"));
	map.to = addr("172.17.0.2");
	assert_string_equal(found(), "fail nat");
	map.first = 443;
	assert_string_equal(found(), "fail nat");
	map.last = 443;
	assert_string_equal(found(), "");
	map.first = 8443;
	map.last = 8443;
	map.to_port = 8080;
	assert_string_equal(found(), "");
	map.to_port = 53;
	map.transport = CRMG_TRANSPORT_UDP;
	assert_string_equal(found(), "");	/* 172.17.0.2 is no address of "dns" */
	map.to = addr("10.9.0.1");
	assert_string_equal(found(), "fail nat");
	map.first = 0;				/* every port: of a whole host */
	assert_string_equal(found(), "");
	map.unknown = true;
	assert_string_equal(found(), "note nat");
	map.unknown = false;
	facts.maps_known = false;
	assert_string_equal(found(), "note nat");
	facts.maps_known = facts.legacy_nat = true;
	assert_string_equal(found(), "note nat");
}

static void test_link(void **state)
{
	(void)state;
	iface.up = false;
	assert_string_equal(found(), "warning link");
	assert_string_equal(mend(), "ip link set dev eth1 up");
	iface.up = true;
	iface.type = ARPHRD_PPP;
	strcpy(iface.kind, "wireguard");
	assert_string_equal(found(), "fail frames");
	assert_non_null(strstr(first()->text, "wireguard"));
	iface = (struct crmg_iface_facts){ .name = "eth9" };
	assert_string_equal(found(), "fail link");
}

static void test_stack(void **state)
{
	(void)state;
	strcpy(iface.master, "bond0");
	strcpy(iface.master_kind, "bond");
	assert_string_equal(found(), "fail stack");
	assert_string_equal(mend(), "crmgate attach bond0");
	strcpy(iface.master_kind, "bridge");
	assert_string_equal(found(), "note stack");
	iface.master[0] = '\0';
	strcpy(iface.parent, "eth0");
	assert_string_equal(found(), "note stack");
	strcpy(iface.judged_at, "eth0");
	assert_string_equal(found(), "fail stack");
	assert_non_null(strstr(mend(), "crmgate detach eth0"));
}

static void test_owner(void **state)
{
	(void)state;
	iface.xdp_id = 12;
	strcpy(iface.xdp_name, "xdp_pass");
	assert_string_equal(found(), "warning xdp_owner");
	assert_string_equal(mend(), "crmgate attach eth1 --mode tc");
	patient.instance = "two";
	found();
	assert_string_equal(mend(), "crmgate attach --instance two eth1 --mode tc");
	facts.host.tcx = false;
	iface.ingress_taken = true;
	assert_string_equal(found(), "note tcx | warning xdp_owner | fail tc");
	facts.host.tcx = true;
	strcpy(iface.xdp_name, "crmg_xdp");
	assert_string_equal(found(), "fail xdp_owner");
}

static void test_owner_chain(void **state)
{
	(void)state;
	iface.xdp_id = 12;
	strcpy(iface.xdp_name, "xdp_dispatcher");
	iface.xdp_chain = true;
	assert_string_equal(found(), "warning xdp_owner");
	assert_string_equal(mend(), "crmgate attach eth1 --chain  # or --mode tc");
	attach(CRMG_XDP_NATIVE);
	strcpy(iface.xdp_name, "xdp_dispatcher");
	fx.ifaces[0].wanted.chained = 1;
	assert_string_equal(found(), "");
	fx.ifaces[0].xdp_ours = false;
	assert_string_equal(found(), "fail xdp_owner | fail interface_gone");
	assert_string_equal(mend(), "crmgate attach eth1 --chain");
}

static void test_owner_attached(void **state)
{
	(void)state;
	attach(CRMG_XDP_TC);
	assert_string_equal(found(), "");
	iface.xdp_id = 12;
	strcpy(iface.xdp_name, "xdp_pass");
	assert_string_equal(found(), "note xdp_owner");
	fx.ifaces[0].wanted.fell_back = 1;
	assert_string_equal(found(), "warning xdp_owner");
	fx.ifaces[0].wanted.fell_back = 0;
	fx.ifaces[0].wanted.xdp_mode = CRMG_XDP_NATIVE;
	fx.ifaces[0].xdp_ours = false;
	fx.ifaces[0].xdp_foreign = true;
	assert_string_equal(found(), "fail xdp_owner");
}

static void test_native(void **state)
{
	(void)state;
	iface.features = 0;
	assert_string_equal(found(), "fail native");
	assert_string_equal(mend(), "crmgate attach eth1 --mode tc");
	iface.features_known = false;
	assert_string_equal(found(), "note native");
	iface.features_known = true;
	iface.features = CRMG_XDP_FEATURE_BASIC;
	attach(CRMG_XDP_GENERIC);
	assert_string_equal(found(), "fail native");
	assert_string_equal(mend(), "crmgate detach eth1; crmgate attach eth1 --mode native");
	iface.features = 0;
	assert_string_equal(found(), "fail native");
	assert_string_equal(mend(), "crmgate detach eth1; crmgate attach eth1 --mode tc");
}

static void test_driver(void **state)
{
	(void)state;
	iface.mtu = 3498;
	assert_string_equal(found(), "");
	iface.mtu = 9000;
	assert_string_equal(found(), "fail mtu");
	assert_string_equal(mend(), "ip link set dev eth1 mtu 3498");
	iface.features |= CRMG_XDP_FEATURE_SG;
	assert_string_equal(found(), "");
	iface.lro = true;
	assert_string_equal(found(), "warning lro");
	assert_string_equal(mend(), "ethtool -K eth1 lro off");
	iface.lro = false;
	iface.gro_hw = true;
	assert_string_equal(found(), "");
	strcpy(iface.driver, "mlx5_core");
	assert_string_equal(found(), "warning lro");
	assert_string_equal(mend(), "ethtool -K eth1 rx-gro-hw off");
	strcpy(iface.driver, "ixgbe");
	iface.queues[0] = 5;
	iface.queues[1] = 8;
	assert_string_equal(found(), "");
	strcpy(iface.driver, "ena");
	assert_string_equal(found(), "warning queues");
	assert_string_equal(mend(), "ethtool -L eth1 combined 4");
	attach(CRMG_XDP_NATIVE);
	assert_string_equal(found(), "");
}

/* What `status` finds in the state that is attached, with a command for it. */
static void test_problems(void **state)
{
	(void)state;
	attach(CRMG_XDP_NATIVE);
	fx.snap.control.panic = 1;
	assert_string_equal(found(), "fail panic");
	assert_string_equal(mend(), "crmgate resume");
	fx.snap.control.panic = 0;
	fx.ifaces[0].tc_ours = false;
	patient.instance = "two";
	assert_string_equal(found(), "fail tc_missing");
	assert_string_equal(mend(), "crmgate attach --instance two eth1");
	fx.ifaces[0].tc_ours = true;
	fx.snap.host.counter[CRMG_HOST_CAPPED] = 1;
	assert_string_equal(found(), "warning events_suppressed");
	fx.snap.host.counter[CRMG_HOST_CAPPED] = 0;
	fx.snap.proof.one_way = 1;
	assert_string_equal(found(), "fail one_way_traffic");
}

static void test_json(void **state)
{
	json_t *document, *item;

	(void)state;
	iface.lro = true;
	found();
	document = crmg_diagnosis_json(&diagnosis);
	assert_string_equal(json_string_value(json_object_get(document, "verdict")), "warning");
	assert_int_equal(json_integer_value(json_object_get(document, "schema")), 1);
	item = json_array_get(json_object_get(document, "findings"), diagnosis.count - 3);
	assert_string_equal(json_string_value(json_object_get(item, "check")), "lro");
	assert_string_equal(json_string_value(json_object_get(item, "interface")), "eth1");
	assert_string_equal(json_string_value(json_object_get(item, "mend")),
			    "ethtool -K eth1 lro off");
	item = json_array_get(json_object_get(document, "findings"), 0);
	assert_true(json_is_null(json_object_get(item, "interface")));
	json_decref(document);
}

static void test_text(void **state)
{
	char *text;

	(void)state;
	iface.lro = true;
	found();
	text = TEXT_OF(crmg_diagnosis_text, &diagnosis, false);
	assert_string_equal(text,
		"warning  lro: eth1: LRO is on: many drivers then refuse native XDP, and segments "
		"that the NIC joined count as one packet\n"
		"         # ethtool -K eth1 lro off\n"
		"ok 25, note 0, warning 1, fail 0\n");
	free(text);
	text = TEXT_OF(crmg_diagnosis_text, &diagnosis, true);
	assert_non_null(strstr(text, "ok       kernel: 6.18.1\n"));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(healthy), TEST(kernel), TEST(load), TEST(settings), TEST(clock), TEST(memory),
		TEST(capacity), TEST(local_ports), TEST(forwarding), TEST(throttle), TEST(nat), TEST(link),
		TEST(stack), TEST(owner), TEST(owner_chain), TEST(owner_attached), TEST(native), TEST(driver),
		TEST(problems), TEST(json), TEST(text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
