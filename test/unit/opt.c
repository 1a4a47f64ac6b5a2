/* opt - numbers on the command line, and what wins: option, environment, default. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/opt.h"

static bool flag;
static const char *name;
static int64_t number, seconds_ms;
static struct opt_list list;

static const struct opt table[] = {
	{ 'f', "flag",  NULL,   "a flag",   OPT_FLAG,    &flag, 0, 0, "OPT_TEST_FLAG" },
	{ 'n', "name",  "NAME", "a name",   OPT_STRING,  &name, 0, 0, "OPT_TEST_NAME" },
	{ 0,   "count", "N",    "a number", OPT_INT,     &number, 0, 65535, "OPT_TEST_COUNT" },
	{ 'w', "wait",  "S",    "seconds",  OPT_SECONDS, &seconds_ms, 0, 60000, NULL },
	{ 'l', "list",  "X",    "a list",   OPT_LIST,    &list, 0, 0, NULL },
	{ 0, NULL, NULL, NULL, 0, NULL, 0, 0, NULL }
};
static struct opt_usage usage = { "opt-test", "test", "[-f]", table, false };

static int
fresh(void **state)
{
	(void)state;
	flag = false;
	name = "default";
	number = 7;
	seconds_ms = 1;
	list.n = 0;
	usage.in_order = false;
	unsetenv("OPT_TEST_FLAG");
	unsetenv("OPT_TEST_NAME");
	unsetenv("OPT_TEST_COUNT");
	optind = 0;			/* glibc: start anew */
	return 0;
}

static int
parse(const char *const *words)
{
	char *argv[16] = { NULL };
	int argc = 0;

	for (argv[argc++] = "opt-test"; *words; words++)
		argv[argc++] = (char *)(uintptr_t)*words;
	optind = 0;
	return opt_parse(&usage, argc, argv);
}
#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

/* Exit status of a parse that refuses: in a child, its stderr thrown away. */
static int
refusal(const char *const *words)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(99);
		parse(words);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}
#define REFUSES(...) assert_int_equal(refusal((const char *const[]){ __VA_ARGS__, NULL }), 64)

static void
option_beats_environment_beats_default(void **state)
{
	(void)state;
	PARSE("x");
	assert_string_equal(name, "default");
	setenv("OPT_TEST_NAME", "env", 1);
	setenv("OPT_TEST_COUNT", "9", 1);
	setenv("OPT_TEST_FLAG", "true", 1);
	PARSE("--name=opt");
	assert_string_equal(name, "opt");
	assert_int_equal(number, 9);
	assert_true(flag);
	setenv("OPT_TEST_COUNT", "", 1);		/* empty is unset */
	number = 7;
	PARSE("x");
	assert_string_equal(name, "env");
	assert_int_equal(number, 7);
	setenv("OPT_TEST_COUNT", "70000", 1);
	PARSE("--count", "1");				/* what is overruled is not looked at */
	REFUSES("x");
}

static void
operands_and_dashes(void **state)
{
	(void)state;
	assert_int_equal(PARSE("a", "-f", "b"), 2);
	assert_true(flag);
	assert_false(opt_saw_dashes());
	assert_int_equal(PARSE("-n", "--", "x"), 3);	/* here -- is the argument of -n */
	assert_string_equal(name, "--");
	assert_false(opt_saw_dashes());
	usage.in_order = true;
	flag = false;
	assert_int_equal(PARSE("cmd", "-f"), 1);
	assert_false(flag);
	assert_int_equal(PARSE("-f", "--", "cmd", "-f"), 3);
	assert_true(opt_saw_dashes());
	assert_int_equal(PARSE("-l", "1", "--list=2", "-l3"), 5);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.item[2], "3");
}

static void
bad_usage_is_refused(void **state)
{
	(void)state;
	REFUSES("--nope");
	REFUSES("-x");
	REFUSES("--count");
	REFUSES("--count", "x");
	REFUSES("--count", "65536");
	REFUSES("--count", "-1");
	REFUSES("--count", "");
	REFUSES("--flag=1");
	REFUSES("-w", "1e3");
	REFUSES("-w", "61");
	REFUSES("-w", "nan");
	assert_int_equal(refusal((const char *const[]){ "-w", "60", NULL }), 0);
}

static const struct { const char *text; int result; int64_t ms; } durations[] = {
	{ "0", 0, 0 }, { "1", 0, 1000 }, { "1.5", 0, 1500 }, { "0.001", 0, 1 }, { "0.0001", 0, 1 }, { "0.1230", 0, 123 },
	{ "007", 0, 7000 }, { "", -EINVAL, 0 }, { "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 }, { "1.", -EINVAL, 0 },
	{ ".5", -EINVAL, 0 }, { "1e3", -EINVAL, 0 }, { "10m", -EINVAL, 0 }, { "inf", -EINVAL, 0 }, { " 1", -EINVAL, 0 },
	{ "100000000000000000000000000", -ERANGE, 0 }, { "3601", -ERANGE, 0 },
};

static void
seconds_are_decimal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
		int64_t ms = 0;
		int r = opt_seconds(durations[i].text, 0, 3600000, &ms);

		if (r != durations[i].result || ms != durations[i].ms)
			fail_msg("%s: %d, %lld ms", durations[i].text, r, (long long)ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(option_beats_environment_beats_default, fresh),
		cmocka_unit_test_setup(operands_and_dashes, fresh),
		cmocka_unit_test_setup(bad_usage_is_refused, fresh),
		cmocka_unit_test(seconds_are_decimal),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	free(list.item);
	return r;
}
