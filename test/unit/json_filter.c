/* json_filter - jq programs over JSON text, as cases: program, input, what comes out or what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/json_filter.h"

static const struct {
	const char *program, *text, *out, *why;		/* why: how it begins; NULL: no complaint */
} cases[] = {
	{ ".", "{\"a\": [1, 2]}", "{\"a\":[1,2]}\n", NULL },
	{ ".a", "{\"a\":\"raw\\ttext\"}", "raw\ttext\n", NULL },
	{ ".[]", "[1,\"x\",null,{\"b\":true}]", "1\nx\nnull\n{\"b\":true}\n", NULL },
	{ "empty", "1", "", NULL },
	{ "[1,2,3] | map(. * 2)", "null", "[2,4,6]\n", NULL },
	{ ".outputs[] | select(.type == \"result\") | .data[\"text/plain\"]",
	  "{\"outputs\":[{\"type\":\"stream\"},{\"type\":\"result\",\"data\":{\"text/plain\":\"42\"}}]}", "42\n", NULL },
	{ ".a", "{\"a\":\"\\u0000\"}", NULL, NULL },
	{ ".a.b", "{\"a\":1}", "", "Cannot index number with" },
	{ "1, error(\"no\"), 2", "1", "1\n", "no" },
	{ "error({\"a\":1})", "1", "", "{\"a\":1}" },
	{ ".", "[NaN]", "", "line 1, column 2: a value was expected" },
	{ ".", "", "", "line 1, column 1: empty" },
	{ ".", "{} {}", "", "line 1, column 4: something follows the value" },
};

static void
run(const char *program, const char *text, struct buf *out, struct buf *why)
{
	struct json_filter *f = NULL;
	int r;

	assert_int_equal(json_filter_new(program, &f, why), 0);
	for (int twice = 0; twice < 2; twice++) {	/* a filter is for more than one text */
		buf_reset(out);
		buf_reset(why);
		r = json_filter_run(f, text, strlen(text), out, why);
		assert_int_equal(r, why->len > 0 ? -EINVAL : 0);
	}
	json_filter_free(&f);
	assert_null(f);
	json_filter_free(&f);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = BUF_INIT, why = BUF_INIT;

		run(cases[i].program, cases[i].text, &out, &why);
		if (cases[i].out != NULL)
			assert_string_equal(buf_str(&out), cases[i].out);
		else
			assert_memory_equal(buf_str(&out), "\0\n", 2);
		assert_memory_equal(buf_str(&why), cases[i].why ? cases[i].why : "", cases[i].why ? strlen(cases[i].why) : 1);
		buf_release(&out);
		buf_release(&why);
	}
}

static void
test_bad_programs(void **state)
{
	static const char *const bad[] = { ".[", "nosuchfunction", "{", "import \"nosuch\" as x; 1" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct json_filter *f = NULL;
		struct buf why = BUF_INIT;

		assert_int_equal(json_filter_new(bad[i], &f, &why), -EINVAL);
		assert_null(f);
		assert_true(why.len > 0);
		assert_null(strchr(buf_str(&why), '\n'));
		buf_release(&why);
	}
}

static void
test_nesting_beyond_jq(void **state)
{
	struct json_filter *f = NULL;
	struct buf text = BUF_INIT, out = BUF_INIT, why = BUF_INIT;
	int r;

	(void)state;
	for (int i = 0; i < 500; i++)
		buf_putc(&text, '[');
	for (int i = 0; i < 500; i++)
		buf_putc(&text, ']');
	assert_int_equal(json_filter_new("length", &f, &why), 0);
	r = json_filter_run(f, buf_str(&text), text.len, &out, &why);
	if (r < 0)		/* libjq 1.6 ends at 256 */
		assert_string_equal(buf_str(&why), "nested too deep for jq");
	else
		assert_string_equal(buf_str(&out), "1\n");
	json_filter_free(&f);
	buf_release(&text);
	buf_release(&out);
	buf_release(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_bad_programs),
		cmocka_unit_test(test_nesting_beyond_jq),
	};

	return cmocka_run_group_tests_name("json_filter", tests, NULL, NULL);
}
