/* request - what POST /execute takes, and the sentence that names the member where it does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/request.h"

static const struct request_limits limits = { 180000, 1000, 5000 };

static const struct { const char *body; const char *why; int64_t timeout_ms; size_t max_bytes; } cases[] = {
	{ "{\"code\":\"\"}", NULL, 180000, 1000 },
	{ "{\"code\":\"1\",\"later\":[1]}", NULL, 180000, 1000 },
	{ "{\"code\":\"1\",\"timeout\":1.5}", NULL, 1500, 1000 },
	{ "{\"code\":\"1\",\"timeout\":1e18}", NULL, 180000, 1000 },
	{ "{\"code\":\"1\",\"timeout\":1e999}", NULL, 180000, 1000 },
	{ "{\"code\":\"1\",\"timeout\":1e-9}", NULL, 1, 1000 },
	{ "{\"code\":\"1\",\"timeout\":180.0001}", NULL, 180000, 1000 },
	{ "{\"code\":\"1\",\"timeout\":0}", "timeout", 0, 0 },
	{ "{\"code\":\"1\",\"timeout\":-0.0}", "timeout", 0, 0 },
	{ "{\"code\":\"1\",\"timeout\":-1}", "timeout", 0, 0 },
	{ "{\"code\":\"1\",\"timeout\":-1e999}", "timeout", 0, 0 },
	{ "{\"code\":\"1\",\"timeout\":\"10m\"}", "timeout", 0, 0 },
	{ "{\"code\":\"1\",\"timeout\":null}", "timeout", 0, 0 },
	{ "{\"code\":\"1\",\"timeout\":NaN}", "line 1, column 23", 0, 0 },
	{ "{\"code\":\"1\",\"max_output_bytes\":2000}", NULL, 180000, 2000 },
	{ "{\"code\":\"1\",\"max_output_bytes\":1e30}", NULL, 180000, 5000 },
	{ "{\"code\":\"1\",\"max_output_bytes\":0}", "max_output_bytes", 0, 0 },
	{ "{\"code\":\"1\",\"max_output_bytes\":1.5}", "max_output_bytes", 0, 0 },
	{ "{\"code\":\"1\",\"silent\":1}", "silent", 0, 0 },
	{ "{\"code\":\"1\",\"ansi\":\"no\"}", "ansi", 0, 0 },
	{ "{\"code\":\"1\",\"stdin\":7}", "stdin", 0, 0 },
	{ "{\"code\":\"1\",\"on_disconnect\":\"die\"}", "on_disconnect", 0, 0 },
	{ "{\"code\":1}", "code", 0, 0 }, { "{\"code\":null}", "code", 0, 0 }, { "{}", "code", 0, 0 },
	{ "{\"code\":\"1\",\"code\":\"2\"}", "line 1, column 23: an object names a member twice", 0, 0 },
	{ "", "JSON", 0, 0 }, { "null", "code", 0, 0 }, { "[]", "code", 0, 0 }, { "\"x\"", "code", 0, 0 },
	{ "{\"code\":\"1\"} x", "JSON", 0, 0 }, { "{\"code\":\"1\"}{}", "JSON", 0, 0 },
	{ "\xef\xbb\xbf{\"code\":\"1\"}", "JSON", 0, 0 }, { "{\"code\":\"\xff\"}", "UTF-8", 0, 0 },
	{ "{\"code\":\"1\"/**/}", "JSON", 0, 0 },
};

static void
each_member_is_checked_and_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cell_spec spec = { .request = BUF_INIT };
		struct buf why = BUF_INIT;
		int r = request_parse(cases[i].body, strlen(cases[i].body), &limits, &spec, &why);

		if (r != (cases[i].why ? -EINVAL : 0) || (cases[i].why && !strstr(buf_str(&why), cases[i].why)))
			fail_msg("%s: %d %s", cases[i].body, r, buf_str(&why));
		if (!cases[i].why) {
			assert_int_equal(spec.timeout_ms, cases[i].timeout_ms);
			assert_int_equal(spec.max_bytes, cases[i].max_bytes);
		}
		buf_release(&spec.request);
		buf_release(&spec.input);
		buf_release(&why);
	}
}

static void
the_code_reaches_the_kernel_as_it_came(void **state)
{
	static const char body[] = "{\"code\":\"a\\u00e9\\n\\t\\\"\xc3\xa9\",\"stdin\":\"x\\ny\",\"on_disconnect\":\"interrupt\"}";
	struct cell_spec spec = { .request = BUF_INIT };
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(request_parse(body, sizeof body - 1, &limits, &spec, &why), 0);
	assert_non_null(strstr(buf_str(&spec.request), "{\"code\":\"a\\u00e9\\n\\t\\\"\xc3\xa9\",\"silent\":false,\"store_history\":true"));
	assert_non_null(strstr(buf_str(&spec.request), "\"allow_stdin\":true"));
	assert_string_equal(buf_str(&spec.input), "x\ny");
	assert_true(spec.interrupt_on_leave);
	buf_release(&spec.request);
	buf_release(&spec.input);
	buf_release(&why);
}

static void
half_a_surrogate_pair_becomes_a_replacement_character(void **state)
{
	static const char body[] = "{\"code\":\"a\\ud83d b \\ud83d\\ude00\"}";
	struct cell_spec spec = { .request = BUF_INIT };
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(request_parse(body, sizeof body - 1, &limits, &spec, &why), 0);
	assert_non_null(strstr(buf_str(&spec.request), "{\"code\":\"a\xef\xbf\xbd b \xf0\x9f\x98\x80\""));
	buf_release(&spec.request);
	buf_release(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_member_is_checked_and_named),
		cmocka_unit_test(the_code_reaches_the_kernel_as_it_came),
		cmocka_unit_test(half_a_surrogate_pair_becomes_a_replacement_character),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
