/* plan - what options make of a deployment: options, then the plan in short or the refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "deploy/plan.h"

static const struct {
	const char *types;
	int count, start_port;
	const char *expected;
} cases[] = {
	{ "python", 0, 60000, "10: python*10 60000-60009" },
	{ "python", 3, 60000, "3: python*3 60000-60002" },
	{ "a:2,b:1", 0, 100, "3: a*2 b*1 100-102" },
	{ "a:2,b", 5, 100, "5: a*2 b*3 100-104" },
	{ "a,b:9", 0, 100, "10: a*1 b*9 100-109" },
	{ "a:1", 1, 65535, "1: a*1 65535-65535" },
	{ "a:10", 0, 4990, "10: a*10 4990-4999" },
	{ "a:1", 0, 5001, "1: a*1 5001-5001" },
	{ "a:10000", 10000, 50000, "10000: a*10000 50000-59999" },
	{ "a:2,b", 2, 100, "--types a:2,b: nothing is left of 2 executors for b" },
	{ "a,b", 2, 100, "--types a,b: only one type may go without a count" },
	{ "a:2", 3, 100, "--types a:2: that is 2 executors, but --num-containers says 3" },
	{ "a:1", 0, 5000, "--start-port 5000: the ports 5000 to 5000 include the manager's, 5000" },
	{ "a:11", 0, 4990, "--start-port 4990: the ports 4990 to 5000 include the manager's, 5000" },
	{ "a:2", 0, 65535, "--start-port 65535: 2 executors need the ports up to 65536, and the last there is is 65535" },
	{ "a:1,b:x", 0, 100, "--types b:x: the count must be a whole number" },
	{ "a:1,", 0, 100, "--types a:1,: a type is missing" },
};

static void
describe(const struct plan_options *o, struct buf *out)
{
	struct plan p = PLAN_INIT;
	int r = plan_build(o, &p, out);

	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		return;
	}
	buf_printf(out, "%zu:", p.n);
	for (size_t i = 0; i < p.types.n; i++)
		buf_printf(out, " %s*%d", p.types.item[i].name, p.types.item[i].count);
	buf_printf(out, " %d-%d", p.executor[0].port, p.executor[p.n - 1].port);
	plan_release(&p);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct plan_options o = { cases[i].types, cases[i].count, cases[i].start_port, "./c.json" };
		struct buf out = BUF_INIT;

		describe(&o, &out);
		assert_string_equal(buf_str(&out), cases[i].expected);
		buf_release(&out);
	}
}

static void
test_names_and_configuration(void **state)
{
	struct plan_options o = { "python:1,r:1", 0, 60000, "./c.json" };
	struct plan p = PLAN_INIT;
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(plan_build(&o, &p, &out), 0);
	assert_string_equal(p.executor[1].name, "executor-001");
	assert_string_equal(p.executor[1].image, "r");
	assert_string_equal(p.bind, "127.0.0.1");
	plan_format_config(&p, &out);
	assert_string_equal(buf_str(&out), "{\n\"0\":{\"url\":\"http://executor-000:8432\",\"type\":\"python\"},\n"
	    "\"1\":{\"url\":\"http://executor-001:8432\",\"type\":\"r\"}\n}\n");
	buf_release(&out);
	plan_release(&p);
	plan_release(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_names_and_configuration),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
