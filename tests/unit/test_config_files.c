/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_config_files.c - what may stand where a policy or list file should be
 * (A12), who may own it, and how long a large one takes.
 */
#include "outcome.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/crmgate-test-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[2][320];
	static unsigned int next;
	char *p = path[next++ % 2];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	const char *path = in_folder(name);
	crmg_autofclose FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	struct dirent **names;
	int count = scandir(folder, &names, NULL, NULL);

	(void)state;
	for (int i = 0; i < count; i++) {
		remove(in_folder(names[i]->d_name));
		free(names[i]);
	}
	free(names);
	return rmdir(folder);
}

static void assert_unreadable(const char *path, int result, const char *why)
{
	OUTCOME o = read_policy(path, false);
	crmg_autofree char *expected = NULL;

	assert_true(asprintf(&expected, "%s: %s\n", path, why) > 0);
	assert_string_equal(o.text, expected);
	assert_int_equal(o.result, result);
}

static void test_a12_fifo(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	assert_unreadable(in_folder("fifo"), -EINVAL, "this is a FIFO; a regular file is needed");
}

static void test_a12_directory(void **state)
{
	(void)state;
	assert_unreadable(folder, -EINVAL, "this is a directory; a regular file is needed");
}

static void test_a12_device(void **state)
{
	(void)state;
	assert_unreadable("/dev/zero", -EINVAL, "this is a device; a regular file is needed");
}

static void test_a12_symlink_loop(void **state)
{
	(void)state;
	assert_int_equal(symlink("loop", in_folder("loop")), 0);
	assert_unreadable(in_folder("loop"), -ELOOP,
			  "cannot open: Too many levels of symbolic links");
}

static void test_a12_missing(void **state)
{
	(void)state;
	assert_unreadable(in_folder("none"), -ENOENT, "cannot open: No such file or directory");
}

/* Root may read everything, so this asks as somebody else. */
static void test_a12_unreadable(void **state)
{
	uid_t uid = geteuid();

	(void)state;
	write_file("secret", "version: 1\n", 0000);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(uid ? 0 : seteuid(65534), 0);
	assert_unreadable(in_folder("secret"), -EACCES, "cannot open: Permission denied");
	assert_int_equal(seteuid(uid), 0);
}

/* /proc says 0 bytes and gives more: as a file that grows while it is read. */
static void test_a12_grows(void **state)
{
	(void)state;
	assert_unreadable("/proc/self/status", -EAGAIN,
			  "the file changed while it was read; try again");
}

/* sysfs says 4096 bytes and gives fewer: as a file that is cut off meanwhile. */
static void test_a12_shrinks(void **state)
{
	static const char path[] = "/sys/kernel/uevent_seqnum";

	(void)state;
	if (access(path, R_OK)) {
		print_message("no %s here\n", path);
		skip();
	}
	assert_unreadable(path, -EAGAIN, "the file changed while it was read; try again");
}

static void test_a12_ten_megabytes(void **state)
{
	(void)state;
	write_file("large", "", 0600);
	assert_int_equal(truncate(in_folder("large"), 10000000), 0);
	assert_unreadable(in_folder("large"), -EFBIG,
			  "the file has 10000000 bytes, at most 1MiB are accepted");
}

static void test_a12_list_files(void **state)
{
	OUTCOME o = { 0 };

	(void)state;
	assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
	assert_int_equal(symlink("ring", in_folder("ring")), 0);
	write_file("vast", "", 0600);
	assert_int_equal(truncate(in_folder("vast"), CRMG_LIST_MAX_BYTES + 1), 0);
	write_file("lists.yaml", "version: 1\nclients:\n"
		   "  a: {files: [pipe, ring, vast, /dev/null]}\n", 0600);
	o = read_policy(in_folder("lists.yaml"), false);
	assert_int_equal(o.err.errors, 4);
	assert_non_null(strstr(o.text, "lists.yaml:3:15: list file 'pipe': this is a FIFO; "));
	assert_non_null(strstr(o.text, "lists.yaml:3:21: list file 'ring': cannot open: Too many"));
	assert_non_null(strstr(o.text, "lists.yaml:3:27: list file 'vast': the file has 67108865 "
				       "bytes, at most 64MiB are accepted"));
	assert_non_null(strstr(o.text, "list file '/dev/null': this is a device; "));
}

static void test_strict_owner(void **state)
{
	static const char policy[] = "version: 1\nclients:\n  a: {files: [mine.txt]}\n";
	static const struct { mode_t policy, list; const char *part; } rows[] = {
		{ 0644, 0644, NULL }, { 0600, 0400, NULL },
		{ 0664, 0644, "mine.yaml: group or others may write this file (mode 0664)" },
		{ 0646, 0644, "mine.yaml: group or others may write this file (mode 0646)" },
		{ 0644, 0662, "list file 'mine.txt': group or others may write this file" },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		OUTCOME strict = { 0 }, loose = { 0 };

		write_file("mine.yaml", policy, rows[i].policy);
		write_file("mine.txt", "192.0.2.1\n", rows[i].list);
		strict = read_policy(in_folder("mine.yaml"), true);
		loose = read_policy(in_folder("mine.yaml"), false);
		assert_int_equal(loose.result, 0);
		assert_int_equal(strict.result == 0, !rows[i].part);
		assert_true(!rows[i].part || strstr(strict.text, rows[i].part));
		remove(in_folder("mine.yaml"));
		remove(in_folder("mine.txt"));
	}
}

static void test_strict_owner_is_a_stranger(void **state)
{
	OUTCOME o = { 0 };

	(void)state;
	if (geteuid()) {
		print_message("only root can give a file away\n");
		skip();
	}
	write_file("theirs", "version: 1\n", 0644);
	assert_int_equal(chown(in_folder("theirs"), 65534, 65534), 0);
	o = read_policy(in_folder("theirs"), true);
	assert_int_equal(o.result, -EPERM);
	assert_non_null(strstr(o.text, "this file belongs to uid 65534; chown it to root"));
}

static void test_absolute_paths(void **state)
{
	OUTCOME o = { 0 };
	char text[200];

	(void)state;
	write_file("list", "\xef\xbb\xbf" "192.0.2.1\r\n2001:db8::/32#x", 0600);
	snprintf(text, sizeof(text), "version: 1\nclients:\n  a: {files: [%s, list]}\n",
		 in_folder("list"));
	write_file("abs.yaml", text, 0600);
	o = read_policy(in_folder("abs.yaml"), false);
	assert_int_equal(o.result, 0);
	assert_string_equal(o.model->clients[0].files[0], in_folder("list"));
	assert_string_equal(o.model->clients[0].files[1], in_folder("list"));
	assert_string_equal(o.model->file, in_folder("abs.yaml"));
	assert_int_equal(o.model->clients[0].prefix_count, 2);
}

static void test_lists_need_a_file(void **state)
{
	static const char text[] = "version: 1\nclients: {a: {files: [x]}}\n";
	OUTCOME o = parse_policy(text, strlen(text));

	(void)state;
	assert_string_equal(o.text, "p.yaml:2:23: list files can only be read for a policy file\n");
}

/* The size that an apply must manage within a second: 1 000 policies, 100 000 prefixes. */
static void test_large_policy_is_quick(void **state)
{
	OUTCOME o = { 0 };
	double spent;
	FILE *policy = fopen(in_folder("big.yaml"), "w");

	(void)state;
	fprintf(policy, "version: 1\nservices: {api: {ports: [443]}}\nclients:\n");
	for (uint32_t i = 0; i < 1000; i++) {
		char name[16];
		FILE *list;

		snprintf(name, sizeof(name), "l%u", i);
		list = fopen(in_folder(name), "w");
		for (uint32_t k = 0; k < 100; k++) {	/* an odd factor: no address twice */
			uint32_t a = (i * 100 + k) * 2654435761u;

			fprintf(list, "%u.%u.%u.%u # comment\n", a >> 24, a >> 16 & 255,
				a >> 8 & 255, a & 255);
		}
		fclose(list);
		fprintf(policy, "  c%u: {files: [l%u]}\n", i, i);
	}
	fprintf(policy, "policies:\n");
	for (int i = 0; i < 1000; i++)
		fprintf(policy, "  - {name: p%d, service: api, clients: c%d, limits: {packets: "
			"{rate: %d/s}}}\n", i, i, i + 1);
	fclose(policy);

	spent = cpu_ms();
	o = read_policy(in_folder("big.yaml"), false);
	spent = cpu_ms() - spent;
	assert_string_equal(o.text, "");
	assert_int_equal(o.model->client_count, 1000);
	assert_int_equal(o.model->clients[999].prefix_count, 100);
	print_message("1 000 policies, 100 000 prefixes: %.0f ms\n", spent);
#ifndef __SANITIZE_ADDRESS__
	assert_true(spent < 300);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a12_fifo),
		cmocka_unit_test(test_a12_directory),
		cmocka_unit_test(test_a12_device),
		cmocka_unit_test(test_a12_symlink_loop),
		cmocka_unit_test(test_a12_missing),
		cmocka_unit_test(test_a12_unreadable),
		cmocka_unit_test(test_a12_grows),
		cmocka_unit_test(test_a12_shrinks),
		cmocka_unit_test(test_a12_ten_megabytes),
		cmocka_unit_test(test_a12_list_files),
		cmocka_unit_test(test_strict_owner),
		cmocka_unit_test(test_strict_owner_is_a_stranger),
		cmocka_unit_test(test_absolute_paths),
		cmocka_unit_test(test_lists_need_a_file),
		cmocka_unit_test(test_large_policy_is_quick),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
