/* types - what a type specification may say, as cases: input, then the result or the complaint and where it points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/buf.h"
#include "deploy/types.h"

#define TEN  "0123456789"
#define N60  TEN TEN TEN TEN TEN TEN

static const struct {
	const char *spec, *expected;
} cases[] = {
	{ "python:60,kaggle:30", "python=60 kaggle=30 total 90" },
	{ "python", "python=(1) total 1" },
	{ "b:2,a,c:1", "b=2 a=(1) c=1 total 4" },
	{ "Python:1,python:1", "Python=1 python=1 total 2" },
	{ "a.b_c-d:1", "a.b_c-d=1 total 1" },
	{ "9:9", "9=9 total 9" },
	{ "py:007", "py=7 total 7" },
	{ "py:10000", "py=10000 total 10000" },
	{ N60 "abc:1", N60 "abc=1 total 1" },

	{ "", "0+0 a type is missing" },
	{ ",", "0+0 a type is missing" },
	{ "a:1,", "4+0 a type is missing" },
	{ "a:1,,b:1", "4+0 a type is missing" },
	{ ":3", "0+2 a type is missing" },
	{ "a:", "0+2 a count must follow the colon" },
	{ "a:0", "0+3 the count must be 1 or more" },
	{ "b:1,a:000", "4+5 the count must be 1 or more" },
	{ "a:-1", "0+4 the count must be a whole number" },
	{ "a:+1", "0+4 the count must be a whole number" },
	{ "a:1.5", "0+5 the count must be a whole number" },
	{ "a:1e3", "0+5 the count must be a whole number" },
	{ "a: 1", "0+4 the count must be a whole number" },
	{ "a:x", "0+3 the count must be a whole number" },
	{ "a:b:c", "0+5 only one colon may separate type and count" },
	{ "a:1:2", "0+5 only one colon may separate type and count" },
	{ "a:10001", "0+7 more than 10000 containers" },
	{ "a:99999999999999999999999999", "0+28 more than 10000 containers" },
	{ "a:9999,b:2", "7+3 more than 10000 containers" },
	{ "a:1,b:1,a:2", "8+3 the type is named twice" },
	{ "a,a", "2+1 the type is named twice" },
	{ N60 "abcd:1", "0+66 a type has at most 63 characters" },
	{ "-a:1", "0+4 a type starts with a letter or digit and has only letters, digits, '_', '.' and '-'" },
	{ "a b:1", "0+5 a type starts with a letter or digit and has only letters, digits, '_', '.' and '-'" },
	{ "a/b:1", "0+5 a type starts with a letter or digit and has only letters, digits, '_', '.' and '-'" },
	{ "a\n:1", "0+4 a type starts with a letter or digit and has only letters, digits, '_', '.' and '-'" },
	{ "\xc3\xa9:1", "0+4 a type starts with a letter or digit and has only letters, digits, '_', '.' and '-'" },
};

static void
describe(const char *spec, struct buf *out)
{
	struct types t = TYPES_INIT;
	struct types_error err;
	int r = types_parse(spec, &t, &err);

	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		assert_null(t.item);		/* written only on success */
		buf_printf(out, "%zu+%zu %s", err.offset, err.len, err.what);
		return;
	}
	for (size_t i = 0; i < t.n; i++)
		buf_printf(out, t.item[i].counted ? "%s=%d " : "%s=(%d) ", t.item[i].name, t.item[i].count);
	buf_printf(out, "total %d", t.total);
	types_release(&t);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT;

		describe(cases[i].spec, &out);
		assert_string_equal(buf_str(&out), cases[i].expected);
		buf_release(&out);
	}
}

static void
test_at_most_256_types(void **state)
{
	struct buf spec = BUF_INIT, out = BUF_INIT;
	struct types t;
	struct types_error err;

	(void)state;
	for (int i = 0; i < TYPES_MAX; i++)
		buf_printf(&spec, "%st%d", i > 0 ? "," : "", i);
	assert_int_equal(types_parse(buf_str(&spec), &t, &err), 0);
	assert_int_equal(t.n, TYPES_MAX);
	types_release(&t);
	buf_puts(&spec, ",more");
	describe(buf_str(&spec), &out);
	assert_non_null(strstr(buf_str(&out), "more than 256 types"));
	buf_release(&spec);
	buf_release(&out);
}

static void
test_release_of_nothing(void **state)
{
	struct types t = TYPES_INIT;

	(void)state;
	types_release(&t);
	types_release(&t);
	assert_null(t.item);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_at_most_256_types),
		cmocka_unit_test(test_release_of_nothing),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
