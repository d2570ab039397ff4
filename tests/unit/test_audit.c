/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_audit.c - the audit log: every byte of it changed or taken out, lines removed,
 * swapped and doubled, a crash at every byte, a full disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../../user/audit/log.h"
#include "../../user/base/util.h"

#define ENTRIES 6

struct fixture {
	char base[32];
	struct crmg_state state;
	struct crmg_err err;
	struct crmg_audit_mark mark;
	char *log;		/* as it was written */
	size_t size;
	size_t begin[ENTRIES + 1];	/* of each line */
};

static void add(struct fixture *f, const char *what, size_t count)
{
	struct crmg_audit_entry entries[ENTRIES] = { 0 };

	for (size_t i = 0; i < count; i++) {
		entries[i].real_ns = 1780000000ULL * 1000000000 + i;
		entries[i].generation = 3;
		strcpy(entries[i].what, what);
		strcpy(entries[i].details, "\"quoted\", \x1b[31m and \xff");
	}
	assert_int_equal(crmg_audit_append(&f->state, entries, count, &f->mark, &f->err), 0);
}

static void load(struct fixture *f)
{
	free(f->log);
	f->log = NULL;
	assert_int_equal(crmg_state_read(&f->state, CRMG_AUDIT_FILE, 1 << 20, &f->log, &f->size,
					 &f->err), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->base, "/tmp/crmg-audit-XXXXXX");
	f->state = (struct crmg_state)CRMG_STATE_INIT;
	*state = f;
	if (!mkdtemp(f->base) || crmg_state_open_below(f->base, "one", true, &f->state, &f->err))
		return -1;
	add(f, "apply", 1);
	add(f, "ban", ENTRIES - 1);
	load(f);
	for (size_t i = 0; i < ENTRIES; i++)
		f->begin[i + 1] = strchr(f->log + f->begin[i], '\n') + 1 - f->log;
	return f->begin[ENTRIES] == f->size ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", f->base);
	crmg_state_close(&f->state);
	crmg_err_clear(&f->err);
	free(f->log);
	free(f);
	return system(command);
}

/* What the last verify found. */
static struct { size_t broken, notes, line; char text[256]; } found;

static void take(enum crmg_audit_severity severity, size_t line, const char *text, void *context)
{
	(void)context;
	if (severity == CRMG_AUDIT_NOTE) {
		found.notes++;
	} else if (!found.broken++) {
		found.line = line;
		crmg_copy(found.text, sizeof(found.text), text);
	}
}

static struct crmg_audit_verdict verify_as(const char *log, size_t size,
					   const struct crmg_audit_mark *mark,
					   const struct crmg_audit_head *known)
{
	struct crmg_audit_verdict verdict;
	FILE *file = size ? fmemopen((char *)log, size, "r") : fopen("/dev/null", "r");

	memset(&found, 0, sizeof(found));
	assert_non_null(file);
	assert_int_equal(crmg_audit_verify(file, mark, known, take, NULL, &verdict), 0);
	assert_int_equal(verdict.broken, found.broken);
	fclose(file);
	return verdict;
}

static size_t line_of(const struct fixture *f, size_t byte)
{
	size_t line = 0;

	while (byte >= f->begin[line + 1])
		line++;
	return line + 1;
}

static void test_intact(void **state)
{
	struct fixture *f = *state;
	struct crmg_audit_verdict verdict = verify_as(f->log, f->size, &f->mark, NULL);

	assert_int_equal(found.broken + found.notes, 0);
	assert_int_equal(verdict.lines, ENTRIES);
	assert_int_equal(verdict.head.seq, ENTRIES);
	assert_null(strchr(f->log, 0x1b));
}

/* The chain alone, without what the kernel knows, names the line of every changed byte. */
static void test_every_byte_changed(void **state)
{
	static const unsigned char flips[] = { 0x01, 0x20, 0x80, '\n' };
	struct fixture *f = *state;
	crmg_autofree char *log = malloc(f->size);

	for (size_t i = 0; i + 1 < f->size; i++) {
		for (size_t k = 0; k < sizeof(flips); k++) {
			memcpy(log, f->log, f->size);
			log[i] = flips[k] == '\n' ? '\n' : log[i] ^ flips[k];
			if (log[i] == f->log[i])
				continue;
			verify_as(log, f->size, NULL, NULL);
			assert_true(found.broken);
			assert_int_equal(found.line, line_of(f, i));
		}
	}
}

static void test_every_byte_removed(void **state)
{
	struct fixture *f = *state;
	crmg_autofree char *log = malloc(f->size);

	for (size_t i = 0; i < f->size; i++) {
		memcpy(log, f->log, i);
		memcpy(log + i, f->log + i + 1, f->size - i - 1);
		verify_as(log, f->size - 1, &f->mark, NULL);
		assert_true(found.broken);
		assert_true(found.line == line_of(f, i) || i + 1 == f->size);
	}
}

/* Each cut in the file, at a line's end or not: known to the kernel, and to who copied it. */
static void test_every_end_cut_off(void **state)
{
	struct fixture *f = *state;
	struct crmg_audit_head head = verify_as(f->log, f->size, NULL, NULL).head;

	for (size_t size = 0; size < f->size; size++) {
		verify_as(f->log, size, &f->mark, NULL);
		assert_true(found.broken);
		assert_non_null(strstr(found.text, "cut off: entry 6"));
		assert_false(verify_as(f->log, size, NULL, &head).known);
		assert_true(found.broken);
	}
}

static void test_lines_moved(void **state)
{
	struct fixture *f = *state;
	crmg_autofree char *log = malloc(2 * f->size);

	for (size_t a = 0; a < ENTRIES; a++) {
		size_t length = f->begin[a + 1] - f->begin[a], rest = f->size - f->begin[a + 1];

		/* removed: the last one only the kernel misses */
		memcpy(log, f->log, f->begin[a]);
		memcpy(log + f->begin[a], f->log + f->begin[a + 1], rest);
		verify_as(log, f->size - length, &f->mark, NULL);
		assert_true(found.broken);
		assert_int_equal(found.line, a + 1 < ENTRIES ? a + 1 : 0);

		for (size_t b = 0; b <= ENTRIES; b++) {
			/* doubled: line a once more before line b */
			memcpy(log, f->log, f->begin[b]);
			memcpy(log + f->begin[b], f->log + f->begin[a], length);
			memcpy(log + f->begin[b] + length, f->log + f->begin[b],
			       f->size - f->begin[b]);
			verify_as(log, f->size + length, NULL, NULL);
			assert_true(found.broken);
		}
		for (size_t b = a + 1; b < ENTRIES; b++) {
			size_t other = f->begin[b + 1] - f->begin[b];
			char *at = log;

			at = mempcpy(at, f->log, f->begin[a]);
			at = mempcpy(at, f->log + f->begin[b], other);
			at = mempcpy(at, f->log + f->begin[a + 1], f->begin[b] - f->begin[a + 1]);
			at = mempcpy(at, f->log + f->begin[a], length);
			mempcpy(at, f->log + f->begin[b + 1], f->size - f->begin[b + 1]);
			verify_as(log, f->size, NULL, NULL);
			assert_true(found.broken);
			assert_int_equal(found.line, a + 1);
		}
	}
}

/* Whoever can write the file can make a chain that fits in itself, but not these heads. */
static void test_made_anew(void **state)
{
	struct fixture *f = *state;
	struct crmg_audit_head head = verify_as(f->log, f->size, NULL, NULL).head;
	struct crmg_audit_mark old = f->mark;

	f->mark = (struct crmg_audit_mark){ 0 };
	assert_int_equal(crmg_state_remove(&f->state, CRMG_AUDIT_FILE, &f->err), 0);
	add(f, "unban", ENTRIES);
	load(f);
	verify_as(f->log, f->size, NULL, NULL);
	assert_int_equal(found.broken, 0);
	verify_as(f->log, f->size, &old, NULL);
	assert_int_equal(found.broken, 1);
	assert_false(verify_as(f->log, f->size, NULL, &head).known);
	assert_int_equal(found.broken, 1);
}

/* Somebody changes the log, then a command adds to it: what he did stays visible. */
static void test_damage_is_not_healed(void **state)
{
	struct fixture *f = *state;
	struct crmg_audit_mark mark = f->mark;

	for (size_t lines = 0; lines < ENTRIES; lines++) {
		assert_int_equal(crmg_state_write(&f->state, CRMG_AUDIT_FILE, f->log,
						  f->begin[lines], &f->err), 0);
		f->mark = mark;
		add(f, "panic", 1);
		{
			crmg_autofree char *log = NULL;
			size_t size;

			assert_int_equal(crmg_state_read(&f->state, CRMG_AUDIT_FILE, 1 << 20, &log,
							 &size, &f->err), 0);
			assert_int_equal(verify_as(log, size, &f->mark, NULL).head.seq,
					 ENTRIES + 1);
			assert_int_equal(found.broken, 1);
			assert_int_equal(found.line, lines + 1);
			assert_non_null(strstr(found.text, "knows entry 6"));
		}
	}
}

/* Power is cut at each byte of an append: the log goes on, and says what happened. */
static void test_crash_at_every_byte(void **state)
{
	struct fixture *f = *state;
	struct crmg_audit_mark before;
	crmg_autofree char *first = NULL;
	size_t first_size;

	assert_int_equal(crmg_state_remove(&f->state, CRMG_AUDIT_FILE, &f->err), 0);
	f->mark = (struct crmg_audit_mark){ 0 };
	add(f, "apply", 2);
	before = f->mark;
	load(f);
	first_size = f->size;
	add(f, "ban", 2);
	load(f);
	first = memcpy(malloc(f->size), f->log, f->size);
	for (size_t size = first_size; size <= f->size; size++) {
		crmg_autofree char *log = NULL;
		size_t length;
		bool torn = size > first_size && first[size - 1] != '\n';

		assert_int_equal(crmg_state_write(&f->state, CRMG_AUDIT_FILE, first, size, &f->err),
				 0);
		verify_as(first, size, &before, NULL);
		assert_int_equal(found.broken, 0);
		assert_int_equal(found.notes, torn);
		f->mark = before;
		add(f, "resume", 1);
		assert_int_equal(crmg_state_read(&f->state, CRMG_AUDIT_FILE, 1 << 20, &log, &length,
						 &f->err), 0);
		assert_memory_equal(log, first, size);
		verify_as(log, length, &f->mark, NULL);
		assert_int_equal(found.broken, 0);
		torn = torn && first[size] != '\n';	/* only that is missing: an entry */
		assert_int_equal(found.notes, torn);
		/* The torn part is vouched for: it cannot be changed later. */
		if (torn) {
			log[size - 1] ^= 1;
			verify_as(log, length, &f->mark, NULL);
			assert_true(found.broken);
		}
	}
}

/* What a full disk kept out is a hole with a number, once there is room again. */
static void test_hole(void **state)
{
	struct fixture *f = *state;
	struct crmg_audit_entry entries[3] = { { .what = "ban" } };

	assert_int_equal(renameat(f->state.dir, CRMG_AUDIT_FILE, f->state.dir, "aside"), 0);
	assert_int_equal(mkdirat(f->state.dir, CRMG_AUDIT_FILE, 0700), 0);
	assert_int_not_equal(crmg_audit_append(&f->state, entries, 3, &f->mark, &f->err), 0);
	assert_int_not_equal(crmg_audit_append(&f->state, entries, 1, &f->mark, &f->err), 0);
	f->mark.lost = 4;	/* as the caller counts them */
	assert_int_equal(f->mark.seq, ENTRIES);
	assert_int_equal(unlinkat(f->state.dir, CRMG_AUDIT_FILE, AT_REMOVEDIR), 0);
	assert_int_equal(renameat(f->state.dir, "aside", f->state.dir, CRMG_AUDIT_FILE), 0);
	add(f, "panic", 1);
	assert_int_equal(f->mark.lost, 0);
	load(f);
	assert_int_equal(verify_as(f->log, f->size, &f->mark, NULL).head.seq, ENTRIES + 4 + 1);
	assert_int_equal(found.broken, 0);
	assert_int_equal(found.notes, 1);
	assert_non_null(strstr(f->log, "\"what\":\"hole\""));
}

/* Pins that are new on a log that is old: nothing was enforced in between. */
static void test_gap(void **state)
{
	struct fixture *f = *state;

	f->mark = (struct crmg_audit_mark){ 0 };
	add(f, "attach", 1);
	load(f);
	verify_as(f->log, f->size, &f->mark, NULL);
	assert_int_equal(found.broken, 0);
	assert_non_null(strstr(f->log, "\"what\":\"gap\""));
	add(f, "purge", 1);
	f->mark = (struct crmg_audit_mark){ 0 };
	add(f, "attach", 1);
	load(f);
	assert_null(strstr(strstr(f->log, "\"what\":\"gap\"") + 1, "\"what\":\"gap\""));
}

static void test_address_is_cut(void **state)
{
	struct fixture *f = *state;
	struct crmg_audit_entry entry = { .what = "ban", .has_prefix = true };
	const char *why;
	static const struct { const char *prefix, *written; } rows[] = {
		{ "192.0.2.77", "\"within\":\"192.0.2.0/24\",\"length\":32" },
		{ "192.0.0.0/16", "\"within\":\"192.0.0.0/16\",\"length\":16" },
		{ "2001:db8:1:2::/64", "\"within\":\"2001:db8:1::/48\",\"length\":64" },
	};

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		assert_int_equal(crmg_parse_prefix(rows[i].prefix, &entry.prefix, &why), 0);
		assert_int_equal(crmg_audit_append(&f->state, &entry, 1, &f->mark, &f->err), 0);
		load(f);
		assert_non_null(strstr(f->log, rows[i].written));
	}
	assert_null(strstr(f->log, "192.0.2.77"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_intact), TEST(test_every_byte_changed), TEST(test_every_byte_removed),
		TEST(test_every_end_cut_off), TEST(test_lines_moved), TEST(test_made_anew),
		TEST(test_damage_is_not_healed), TEST(test_crash_at_every_byte), TEST(test_hole),
		TEST(test_gap), TEST(test_address_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
