/* SPDX-License-Identifier: GPL-2.0 */
/* test_state.c - the state folder: whole files, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../user/base/util.h"
#include "../../user/state/state.h"

struct fixture {
	char parent[32];
	char base[48];
	struct crmg_state state;
	struct crmg_err err;
};

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .parent = "/tmp/crmg-state-XXXXXX", .state = CRMG_STATE_INIT };
	if (!mkdtemp(f.parent))
		return -1;
	snprintf(f.base, sizeof(f.base), "%s/base", f.parent);
	*state = &f;
	return crmg_state_open_below(f.base, "one", true, &f.state, &f.err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	crmg_state_close(&f->state);
	crmg_err_clear(&f->err);
	snprintf(command, sizeof(command), "rm -rf %s", f->parent);
	return system(command);
}

static void assert_content(struct fixture *f, const char *name, const char *expected)
{
	crmg_autofree char *data = NULL;
	size_t size;

	assert_int_equal(crmg_state_read(&f->state, name, 4096, &data, &size, &f->err), 0);
	assert_int_equal(size, strlen(expected));
	assert_string_equal(data, expected);
}

static unsigned int mode_of(struct fixture *f, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(f->state.dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static void test_write_and_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(crmg_state_write(&f->state, "a", "first", 5, &f->err), 0);
	assert_int_equal(crmg_state_write(&f->state, "a", "second", 6, &f->err), 0);
	assert_content(f, "a", "second");
	assert_int_equal(mode_of(f, "a"), 0640);
	assert_int_equal(mode_of(f, "."), 0750);
	assert_int_equal(faccessat(f->state.dir, ".a.new", F_OK, 0), -1);
}

static void test_append(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(crmg_state_append(&f->state, "log", "1\n", 2, &f->err), 0);
	assert_int_equal(crmg_state_append(&f->state, "log", "2\n", 2, &f->err), 0);
	assert_content(f, "log", "1\n2\n");
	assert_int_equal(mode_of(f, "log"), 0640);
}

static void test_nothing_there(void **state)
{
	struct fixture *f = *state;
	struct crmg_state other = CRMG_STATE_INIT;
	char *data = NULL;
	size_t size;

	assert_int_equal(crmg_state_read(&f->state, "a", 10, &data, &size, &f->err), -ENOENT);
	assert_int_equal(crmg_state_quarantine(&f->state, "a", &f->err), -ENOENT);
	assert_int_equal(crmg_state_remove(&f->state, "a", &f->err), 0);
	assert_int_equal(crmg_state_open_below(f->base, "two", false, &other, &f->err), -ENOENT);
	assert_int_equal(other.dir, -1);
	assert_null(data);
	assert_int_equal(f->err.count, 0);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	char *data = NULL;
	size_t size;

	assert_int_equal(crmg_state_write(&f->state, "a", "0123456789", 10, &f->err), 0);
	assert_int_equal(crmg_state_read(&f->state, "a", 9, &data, &size, &f->err), -EFBIG);
	assert_int_equal(mkfifoat(f->state.dir, "pipe", 0600), 0);
	assert_int_equal(crmg_state_read(&f->state, "pipe", 9, &data, &size, &f->err), -EINVAL);
	assert_int_equal(crmg_state_append(&f->state, "pipe", "x", 1, &f->err), -ENXIO);
	assert_int_equal(symlinkat("a", f->state.dir, "link"), 0);
	assert_int_equal(crmg_state_read(&f->state, "link", 99, &data, &size, &f->err), -ELOOP);
	assert_int_equal(crmg_state_append(&f->state, "link", "x", 1, &f->err), -ELOOP);
	assert_null(data);
	assert_int_equal(f->err.errors, 5);
	assert_content(f, "a", "0123456789");
}

/* A folder that others could have written must not decide what root puts in force. */
static void test_foreign_folder(void **state)
{
	struct fixture *f = *state;
	struct crmg_state other = CRMG_STATE_INIT;

	assert_int_equal(fchmod(f->state.dir, 0770), 0);
	assert_int_equal(crmg_state_open_below(f->base, "one", true, &other, &f->err), -EPERM);
	assert_non_null(strstr(f->err.messages[0].text, "chmod go-w"));
	assert_int_equal(other.dir, -1);
}

static void test_quarantine(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(crmg_state_write(&f->state, "a", "odd", 3, &f->err), 0);
	assert_int_equal(crmg_state_quarantine(&f->state, "a", &f->err), 0);
	assert_content(f, "a", "odd");
	assert_content(f, "a.bad", "odd");
	/* Again, by who was killed in between; and of the next one that is odd. */
	assert_int_equal(crmg_state_quarantine(&f->state, "a", &f->err), 0);
	assert_content(f, "a.bad", "odd");
	assert_int_equal(crmg_state_write(&f->state, "a", "new", 3, &f->err), 0);
	assert_content(f, "a.bad", "odd");
	assert_int_equal(crmg_state_quarantine(&f->state, "a", &f->err), 0);
	assert_content(f, "a.bad", "new");
}

/* In the place of which a file can be written then. */
static void test_quarantine_folder(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->state.dir, "a", 0750), 0);
	assert_int_equal(crmg_state_quarantine(&f->state, "a", &f->err), 0);
	assert_int_equal(faccessat(f->state.dir, "a", F_OK, 0), -1);
	assert_int_equal(unlinkat(f->state.dir, "a.bad", AT_REMOVEDIR), 0);
}

/* What cannot be written in full leaves the file as it was, and nothing beside it. */
static void test_no_room(void **state)
{
	struct fixture *f = *state;
	char large[8192];
	struct rlimit old, small;

	memset(large, 'x', sizeof(large));
	assert_int_equal(crmg_state_write(&f->state, "a", "old", 3, &f->err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(crmg_state_write(&f->state, "a", large, sizeof(large), &f->err), -EFBIG);
	assert_int_equal(crmg_state_append(&f->state, "a", large, sizeof(large), &f->err), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_content(f, "a", "old");
	assert_int_equal(faccessat(f->state.dir, ".a.new", F_OK, 0), -1);
	assert_int_equal(f->err.errors, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_write_and_read), TEST(test_append), TEST(test_nothing_there),
		TEST(test_refused), TEST(test_foreign_folder), TEST(test_quarantine),
		TEST(test_quarantine_folder),
		TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
