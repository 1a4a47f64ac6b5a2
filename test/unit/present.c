/* present, image, show - what people get to see: text for a terminal, fields, tables, base64, exit statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/diag.h"
#include "client/image.h"
#include "client/present.h"
#include "client/show.h"

static struct json
scan(const char *text)
{
	struct json_error err;
	struct json v;

	assert_int_equal(json_scan(text, strlen(text), 0, &v, &err), 0);
	return v;
}

static void
test_text_for_a_terminal(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain\ttext\r\n\b", "plain\ttext\r\n\b" },
		{ "\033]0;title\a", "^[]0;title^G" },
		{ "\177", "\\u007f" },
		{ "\302\2332J", "\\u009b2J" },
		{ "\303\251\342\202\254\360\237\230\200", "\303\251\342\202\254\360\237\230\200" },
		{ "a\377\302", "a\357\277\275\357\277\275" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = BUF_INIT;

		present_text(&b, cases[i].in, strlen(cases[i].in));
		assert_string_equal(buf_str(&b), cases[i].out);
		buf_release(&b);
	}
}

static void
test_fields(void **state)
{
	struct json v = scan("{\"container_id\":7,\"type\":\"a\\tb\\n\\\\\\u001b\",\"x\":[1, 2],\"no\":null}");
	struct buf b = BUF_INIT;

	(void)state;
	present_fields(&b, v, "id,type,x,no,missing");
	assert_string_equal(buf_str(&b), "7\ta\\tb\\n\\\\\\x1b\t[1, 2]\t-\t-\n");
	buf_release(&b);
	assert_true(present_fields_ok("id"));
	assert_true(present_fields_ok("id,last_error"));
	assert_false(present_fields_ok(""));
	assert_false(present_fields_ok("id,"));
	assert_false(present_fields_ok(",id"));
	assert_false(present_fields_ok("i d"));
}

static void
test_indented_json(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	present_json(&b, scan("{\"a\":[1,{\"b\":\"\302\233\"}],\"e\":[],\"o\":{}}"), false);
	assert_string_equal(buf_str(&b), "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"\\u009b\"\n    }\n  ],\n  \"e\": [],\n  \"o\": {}\n}\n");
	buf_reset(&b);
	present_json(&b, scan("\"x\""), true);
	assert_string_equal(buf_str(&b), "\033[0;32m\"x\"\033[0m\n");
	buf_release(&b);
}

static void
test_table(void **state)
{
	static const bool right[] = { true, false };
	struct present_table t = { .columns = 2, .right = right };
	struct buf b = BUF_INIT;

	(void)state;
	present_cell(&t, "ID", NULL);
	present_cell(&t, "TYPE", NULL);
	present_cell(&t, "100", NULL);
	present_cell(&t, "\303\251", "31");
	present_cell(&t, "1", NULL);
	present_cell(&t, "", NULL);
	present_table(&b, &t, false);
	assert_string_equal(buf_str(&b), " ID  TYPE\n100  \303\251\n  1\n");
	buf_release(&b);
	present_table_release(&t);
}

static void
test_age(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{ -1, "0s" }, { 0, "0s" }, { 99, "99s" }, { 120, "2m" }, { 7200, "2h" }, { 86400 * 3, "3d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = BUF_INIT;

		present_age(&b, cases[i].seconds);
		assert_string_equal(buf_str(&b), cases[i].text);
		buf_release(&b);
	}
}

static void
test_base64(void **state)
{
	static const struct {
		const char *in, *out;		/* NULL: refused */
	} cases[] = {
		{ "", "" }, { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" }, { "Zm9v\nYmFy\n", "foobar" }, { "Zg", "f" },
		{ "Zm9vYg==", "foob" }, { "Z", NULL }, { "Zg=", NULL }, { "Zg===", NULL }, { "=", NULL }, { "Zg==Zg==", NULL },
		{ "Zm9v!", NULL }, { "Zm-v", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = BUF_INIT;
		int r = image_base64(cases[i].in, strlen(cases[i].in), &b);

		assert_int_equal(r, cases[i].out != NULL ? 0 : -EBADMSG);
		if (cases[i].out != NULL)
			assert_string_equal(buf_str(&b), cases[i].out);
		buf_release(&b);
	}
}

static void
test_which_mime_types_are_pictures(void **state)
{
	(void)state;
	assert_string_equal(image_extension(scan("\"image/png\"")), "png");
	assert_string_equal(image_extension(scan("\"image\\/svg+xml\"")), "svg");
	assert_null(image_extension(scan("\"image/x\"")));
	assert_null(image_extension(scan("\"text/plain\"")));
}

static void
test_answers(void **state)
{
	static const struct {
		const char *answer;
		int ex;			/* -1: no answer of the contract */
	} cases[] = {
		{ "{\"outputs\":[]}", 0 },
		{ "{\"outputs\":[],\"status\":\"ok\"}", 0 },
		{ "{\"outputs\":[{\"type\":\"error\",\"name\":\"KernelDied\"}],\"status\":\"ok\"}", 0 },
		{ "{\"outputs\":[],\"status\":\"novel\"}", 0 },
		{ "{\"outputs\":[{\"type\":\"error\"}],\"status\":\"novel\"}", EX_NO },
		{ "{\"outputs\":[],\"status\":\"timeout\"}", EX_TIMEDOUT },
		{ "{\"outputs\":[{\"type\":\"error\",\"name\":\"E\"},{\"type\":\"error\",\"name\":\"KernelDied\"}]}", EX_DIED },
		{ "{\"outputs\":[{\"type\":1}]}", -1 }, { "{\"outputs\":{}}", -1 }, { "{}", -1 }, { "[]", -1 }, { "1", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json v = scan(cases[i].answer);

		if (cases[i].ex < 0) {
			assert_non_null(show_check(v));
			continue;
		}
		assert_null(show_check(v));
		assert_int_equal(show_exit(v), cases[i].ex);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_for_a_terminal),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_indented_json),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_which_mime_types_are_pictures),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests_name("present", tests, NULL, NULL);
}
