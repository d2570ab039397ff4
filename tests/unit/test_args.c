// SPDX-License-Identifier: GPL-2.0
/*
 * test_args.c - the command line, with two commands of its own: the sources are
 * included, since the real table needs the kernel side.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../user/cli/args.c"

static int no_run(const struct crmg_args *args)
{
	(void)args;
	return 0;
}

static const struct crmg_command attach = {
	.name = "attach", .operands = "IFACE...", .summary = "x",
	.options = (const struct crmg_option[]){
		{ "policy", 'p', false, "FILE", "x" },
		{ "shadow", 's', false, NULL, "x" },
		{ "listen", 0, true, "ADDR", "x" },
		{ 0 },
	},
	.min_operands = 1, .max_operands = 2, .run = no_run,
};
static const struct crmg_command status = {
	.name = "status", .operands = "", .summary = "x", .run = no_run,
};
const struct crmg_command *const crmg_commands[] = { &attach, &status };
const size_t crmg_command_count = 2;

static struct crmg_args args;
static struct crmg_err err;

/* Splits line at blanks; "~" stands for an empty word. */
static int parse(const char *line)
{
	static char copy[512];
	static char *argv[32];
	int argc = 0;

	crmg_args_free(&args);
	crmg_err_clear(&err);
	crmg_copy(copy, sizeof(copy), line);
	argv[argc++] = (char *)"crmgate";
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "~") == 0 ? (char *)"" : word;
	return crmg_args_parse(argc, argv, &args, &err);
}

static void wrong(const char *line, const char *message)
{
	if (parse(line) != -EINVAL)
		fail_msg("accepted: %s", line);
	assert_int_equal(err.errors, 1);
	if (!strstr(err.messages[0].text, message))
		fail_msg("%s: said \"%s\", not \"%s\"", line, err.messages[0].text, message);
}

static void test_forms(void **state)
{
	static const char *const lines[] = {
		"attach eth1 --policy a.yaml --shadow -j eth2",
		"attach --policy=a.yaml -sj eth1 eth2",
		"-j attach -s -pa.yaml eth1 eth2",
		"attach -jsp a.yaml -- eth1 eth2",
		"--json attach eth1 -s eth2 -p a.yaml --json",
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(lines); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_ptr_equal(args.command, &attach);
		assert_true(args.json);
		assert_false(args.quiet);
		assert_string_equal(args.instance, "default");
		assert_string_equal(crmg_arg(&args, "policy"), "a.yaml");
		assert_non_null(crmg_arg(&args, "shadow"));
		assert_null(crmg_arg(&args, "listen"));
		assert_int_equal(args.operand_count, 2);
		assert_string_equal(args.operands[0], "eth1");
		assert_string_equal(args.operands[1], "eth2");
	}
}

static void test_odd_words(void **state)
{
	(void)state;
	assert_int_equal(parse("attach - --policy - -q --instance lab_2"), 0);
	assert_string_equal(args.operands[0], "-");
	assert_string_equal(crmg_arg(&args, "policy"), "-");
	assert_true(args.quiet);
	assert_string_equal(args.instance, "lab_2");
	assert_int_equal(parse("attach -- --policy -j"), 0);
	assert_string_equal(args.operands[0], "--policy");
	assert_string_equal(args.operands[1], "-j");
	assert_false(args.json);
	assert_int_equal(parse("attach ~ --policy="), 0);
	assert_string_equal(crmg_arg(&args, "policy"), "");
}

static void test_many(void **state)
{
	size_t at = 0;

	(void)state;
	assert_int_equal(parse("attach --listen a eth1 --listen=b"), 0);
	assert_string_equal(crmg_arg_next(&args, "listen", &at), "a");
	assert_string_equal(crmg_arg_next(&args, "listen", &at), "b");
	assert_null(crmg_arg_next(&args, "listen", &at));
	assert_string_equal(crmg_arg(&args, "listen"), "b");
}

static void test_help(void **state)
{
	(void)state;
	assert_int_equal(parse("attach --help"), 0);
	assert_true(args.help);
	assert_ptr_equal(args.command, &attach);
	assert_int_equal(parse("-h"), 0);
	assert_null(args.command);
}

static void test_wrong(void **state)
{
	(void)state;
	wrong("", "which command");
	wrong("stauts", "did you mean \"status\"?");
	wrong("frobnicate", "see crmgate help");
	wrong("attach", "IFACE... is missing");
	wrong("attach a b c", "\"c\" is one too many");
	wrong("status x", "\"x\" is one too many");
	wrong("attach a --polcy x", "did you mean \"--policy\"?");
	wrong("attach a --polcy=x", "did you mean \"--policy\"?");
	wrong("attach a --frobnicate", "no option \"--frobnicate\"");
	wrong("attach a -jx", "no option \"-jx\"");
	wrong("status --policy x", "no option \"--policy\"");
	wrong("--policy x attach a", "no option \"--policy\"");
	wrong("attach a --policy", "--policy needs a value: FILE");
	wrong("attach a -p", "-p needs a value: FILE");
	wrong("attach a --shadow=1", "--shadow takes no value");
	wrong("attach a -p x --policy y", "--policy is given twice");
	wrong("status --instance ../x", "--instance");
	wrong("status --instance=", "--instance");
}

/* What the contract names and this version lacks is never taken silently. */
static void test_later(void **state)
{
	(void)state;
	wrong("capture -w x.pcapng", "capture: not available yet");
	wrong("status --chain", "no option \"--chain\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_odd_words),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_later),
	};
	int failed = cmocka_run_group_tests_name("args", tests, NULL, NULL);

	crmg_args_free(&args);
	crmg_err_clear(&err);
	return failed;
}
