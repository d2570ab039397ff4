// SPDX-License-Identifier: GPL-2.0
/* test_follow.c - a log that grows by pieces, is renamed, truncated, or is no file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../../user/base/follow.h"
#include "../../user/base/util.h"

static char folder[] = "/tmp/crmgate-follow.XXXXXX", path[64], renamed[64];
static char got[4096];
static struct crmg_follow follow;
static size_t longest;

static void take(void *context, const char *line)
{
	size_t at = strlen(got);

	(void)context;
	if (strlen(line) > longest)
		longest = strlen(line);
	snprintf(got + at, sizeof(got) - at, "%.40s|", line);
}

static void append(const char *file, const char *text)
{
	crmg_autofclose FILE *out = fopen(file, "ae");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
}

static void assert_read(const char *wanted)
{
	got[0] = '\0';
	assert_int_equal(crmg_follow_read(&follow, take, NULL), 0);
	assert_string_equal(got, wanted);
}

/* Another open file with the text that the log begins with. */
static void begin(const char *text)
{
	struct crmg_err err = CRMG_ERR_INIT;

	unlink(path);
	unlink(renamed);
	append(path, text);
	assert_int_equal(crmg_follow_open(path, &follow, &err), 0);
}

static void test_pieces(void **state)
{
	(void)state;
	begin("old 1\nold 2\n");
	assert_read("");
	append(path, "one\ntw");
	assert_read("one|");
	append(path, "o\n\nthree");
	assert_read("two||");
	assert_read("");
	append(path, "\n");
	assert_read("three|");
	crmg_follow_close(&follow);
}

/* What is opened in the middle of a line begins with the next one. */
static void test_middle(void **state)
{
	(void)state;
	begin("old");
	append(path, " line\nnew\n");
	assert_read("new|");
	crmg_follow_close(&follow);
}

static void test_renamed(void **state)
{
	(void)state;
	begin("");
	append(path, "a\nb");
	assert_read("a|");
	assert_int_equal(rename(path, renamed), 0);
	assert_read("");
	append(renamed, "b\n");
	append(path, "x\ny");
	assert_read("bb|x|");
	assert_int_equal(follow.rotated, 1);
	/* Its writer has not heard of it yet. */
	append(renamed, "c\n");
	append(path, "y\n");
	assert_read("c|yy|");
	/* Once more: the first file is given up. */
	assert_int_equal(rename(path, renamed), 0);
	append(path, "z\n");
	assert_read("z|");
	assert_int_equal(follow.rotated, 2);
	assert_int_equal(follow.truncated, 0);
	crmg_follow_close(&follow);
}

/* Added, renamed and begun anew while it is read: in the same call, for it may be the last one. */
static void rotate(void *context, const char *line)
{
	take(context, line);
	if (strcmp(line, "a") != 0)
		return;
	append(path, "b\n");
	assert_int_equal(rename(path, renamed), 0);
	append(path, "c\n");
}

static void test_renamed_meanwhile(void **state)
{
	(void)state;
	begin("");
	append(path, "a\n");
	got[0] = '\0';
	assert_int_equal(crmg_follow_read(&follow, rotate, NULL), 0);
	assert_string_equal(got, "a|b|c|");
	assert_read("");
	crmg_follow_close(&follow);
}

static void test_truncated(void **state)
{
	(void)state;
	begin("");
	append(path, "long enough\nand more");
	assert_read("long enough|");
	assert_int_equal(truncate(path, 0), 0);
	append(path, "new\n");
	assert_read("new|");
	assert_int_equal(follow.truncated, 1);
	crmg_follow_close(&follow);
}

/* Of a line that is too long the beginning is handed over, and the next one is whole. */
static void test_long(void **state)
{
	static char line[3 * CRMG_FOLLOW_LINE];

	(void)state;
	begin("");
	memset(line, 'a', sizeof(line) - 2);
	line[sizeof(line) - 2] = '\n';
	append(path, line);
	append(path, "next\n");
	longest = 0;
	assert_read("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|next|");
	assert_int_equal(longest, CRMG_FOLLOW_LINE - 1);
	crmg_follow_close(&follow);
}

static void test_refused(void **state)
{
	struct crmg_err err = CRMG_ERR_INIT;

	(void)state;
	unlink(path);
	assert_int_equal(crmg_follow_open(path, &follow, &err), -ENOENT);
	assert_non_null(strstr(err.messages[0].text, "cannot open: No such file"));
	crmg_err_clear(&err);
	assert_int_equal(crmg_follow_open(folder, &follow, &err), -EINVAL);
	assert_non_null(strstr(err.messages[0].text, "not a regular file; name the file"));
	crmg_err_clear(&err);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(crmg_follow_open(path, &follow, &err), -EINVAL);
	crmg_err_clear(&err);
	crmg_follow_close(&follow);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/access.log", folder);
	snprintf(renamed, sizeof(renamed), "%s/access.log.1", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	unlink(renamed);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_middle),
		cmocka_unit_test(test_renamed),
		cmocka_unit_test(test_renamed_meanwhile),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("follow", tests, setup, teardown);
}
