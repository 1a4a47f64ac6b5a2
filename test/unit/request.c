/* request - what POST /execute takes, and the sentence that names the member where it does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/request.h"

static bool
takes_lines(void *arg, struct buf *lines)
{
	(void)arg;
	(void)lines;
	return true;
}

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

static void
only_a_stream_may_ask_for_input_and_has_no_limit_of_its_own(void **state)
{
	static const char body[] = "{\"code\":\"1\",\"stdin\":true}", limited[] = "{\"code\":\"1\",\"max_output_bytes\":9000}";
	struct cell_spec plain = { .request = BUF_INIT }, stream = { .on_lines = takes_lines }, capped = { .on_lines = takes_lines };
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(request_parse(body, sizeof body - 1, &limits, &plain, &why), -EINVAL);
	assert_non_null(strstr(buf_str(&why), "stdin"));
	assert_int_equal(request_parse(body, sizeof body - 1, &limits, &stream, &why), 0);
	assert_true(stream.asks_input);
	assert_non_null(strstr(buf_str(&stream.request), "\"allow_stdin\":true"));
	assert_true(stream.max_bytes == SIZE_MAX && stream.max_bundle == limits.max_bytes);
	assert_int_equal(request_parse(limited, sizeof limited - 1, &limits, &capped, &why), 0);
	assert_int_equal(capped.max_bytes, 9000);
	buf_release(&plain.request);
	buf_release(&stream.request);
	buf_release(&capped.request);
	buf_release(&why);
}

static const struct { enum question what; const char *body, *content, *why; } questions[] = {
	{ ASK_COMPLETE, "{\"code\":\"ab\"}", "{\"code\":\"ab\",\"cursor_pos\":2}", NULL },
	{ ASK_COMPLETE, "{\"code\":\"\xf0\x9f\x98\x80\\ud83d\\ude00\\n\"}", "{\"code\":\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\\n\",\"cursor_pos\":3}", NULL },
	{ ASK_COMPLETE, "{\"code\":\"ab\",\"cursor_pos\":0,\"x\":1}", "{\"code\":\"ab\",\"cursor_pos\":0}", NULL },
	{ ASK_INSPECT, "{\"code\":\"ab\",\"cursor_pos\":1,\"detail_level\":1}", "{\"code\":\"ab\",\"cursor_pos\":1,\"detail_level\":1}", NULL },
	{ ASK_IS_COMPLETE, "{\"code\":\"\",\"cursor_pos\":-1}", "{\"code\":\"\"}", NULL },
	{ ASK_COMPLETE, "{\"code\":\"ab\",\"cursor_pos\":3}", NULL, "cursor_pos" },
	{ ASK_COMPLETE, "{\"code\":\"ab\",\"cursor_pos\":-1}", NULL, "cursor_pos" },
	{ ASK_COMPLETE, "{\"code\":\"ab\",\"cursor_pos\":1e99}", NULL, "cursor_pos" },
	{ ASK_INSPECT, "{\"code\":\"ab\",\"detail_level\":true}", NULL, "detail_level" },
	{ ASK_INSPECT, "{\"code\":1}", NULL, "code" }, { ASK_IS_COMPLETE, "[]", NULL, "code" }, { ASK_IS_COMPLETE, "", NULL, "JSON" },
};

static void
questions_are_checked_and_count_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
		struct buf content = BUF_INIT, why = BUF_INIT;
		int r = request_parse_question(questions[i].body, strlen(questions[i].body), questions[i].what, &content, &why);

		if (r != (questions[i].why ? -EINVAL : 0) || (questions[i].why && !strstr(buf_str(&why), questions[i].why)))
			fail_msg("%s: %d %s", questions[i].body, r, buf_str(&why));
		if (!questions[i].why)
			assert_string_equal(buf_str(&content), questions[i].content);
		buf_release(&content);
		buf_release(&why);
	}
}

static const struct { const char *body, *line, *why; bool eof; } inputs[] = {
	{ "{\"text\":\"a\"}", "a", NULL, false }, { "{\"text\":\"a\\n\"}", "a", NULL, false }, { "{\"text\":\"\\n\\n\"}", "\n", NULL, false },
	{ "{\"text\":\"\"}", "", NULL, false }, { "{\"text\":null}", "", NULL, true },
	{ "{\"text\":1}", NULL, "text", false }, { "{}", NULL, "text", false }, { "[]", NULL, "text", false }, { "x", NULL, "JSON", false },
	{ "{\"text\":\"a\",\"text\":\"b\"}", NULL, "twice", false },
};

static void
a_line_of_input_loses_its_newline(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
		struct buf line = BUF_INIT, why = BUF_INIT;
		bool eof = false;
		int r = request_parse_input(inputs[i].body, strlen(inputs[i].body), &line, &eof, &why);

		if (r != (inputs[i].why ? -EINVAL : 0) || eof != inputs[i].eof || (inputs[i].why && !strstr(buf_str(&why), inputs[i].why)))
			fail_msg("%s: %d %s", inputs[i].body, r, buf_str(&why));
		if (inputs[i].line)
			assert_string_equal(buf_str(&line), inputs[i].line);
		buf_release(&line);
		buf_release(&why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_member_is_checked_and_named),
		cmocka_unit_test(the_code_reaches_the_kernel_as_it_came),
		cmocka_unit_test(only_a_stream_may_ask_for_input_and_has_no_limit_of_its_own),
		cmocka_unit_test(questions_are_checked_and_count_characters),
		cmocka_unit_test(a_line_of_input_loses_its_newline),
		cmocka_unit_test(half_a_surrogate_pair_becomes_a_replacement_character),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
