/* json - what is JSON, what is not, and that what is written can be read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"

static const struct { const char *text; int result; unsigned line, column; } cases[] = {
	{ "{}", 0, 0, 0 },
	{ " [1, -0.5e+3, true, false, null, \"a\\u00e9\\n\"] ", 0, 0, 0 },
	{ "0", 0, 0, 0 }, { "\"x\"", 0, 0, 0 }, { "{\"a\":{\"a\":1},\"b\":[{}]}", 0, 0, 0 },
	{ "", -EINVAL, 1, 1 }, { "  ", -EINVAL, 1, 3 }, { "{", -EINVAL, 1, 2 }, { "[1,]", -EINVAL, 1, 4 },
	{ "{\"a\":1,}", -EINVAL, 1, 8 }, { "{\"a\" 1}", -EINVAL, 1, 6 }, { "{a:1}", -EINVAL, 1, 2 },
	{ "[1 2]", -EINVAL, 1, 4 }, { "01", -EINVAL, 1, 1 }, { "-", -EINVAL, 1, 1 }, { "1.", -EINVAL, 1, 1 },
	{ "+1", -EINVAL, 1, 1 }, { "1e", -EINVAL, 1, 1 }, { ".5", -EINVAL, 1, 1 }, { "NaN", -EINVAL, 1, 1 },
	{ "Infinity", -EINVAL, 1, 1 }, { "nul", -EINVAL, 1, 1 }, { "{} {}", -EINVAL, 1, 4 }, { "[1]x", -EINVAL, 1, 4 },
	{ "\xef\xbb\xbf{}", -EINVAL, 1, 1 }, { "\"\xff\"", -EINVAL, 1, 2 }, { "\"\xed\xa0\x80\"", -EINVAL, 1, 2 },
	{ "\"\xc0\xaf\"", -EINVAL, 1, 2 }, { "\"a", -EINVAL, 1, 3 }, { "\"\\x\"", -EINVAL, 1, 2 },
	{ "\"\\u12g4\"", -EINVAL, 1, 2 }, { "\"a\nb\"", -EINVAL, 1, 3 }, { "// c\n1", -EINVAL, 1, 1 },
	{ "[1,\n2,\n ?]", -EINVAL, 3, 2 }, { "]", -EINVAL, 1, 1 }, { "[}", -EINVAL, 1, 2 }, { "{\"a\":1]", -EINVAL, 1, 7 },
	{ "{\"a\":1,\"a\":2}", -EINVAL, 1, 13 }, { "{\"a\":1,\"\\u0061\":2}", -EINVAL, 1, 18 },
	{ "[{\"a\":1},{\"a\":2}]", 0, 0, 0 }, { "{\"a\":{\"b\":1},\"b\":2}", 0, 0, 0 },
};

static void
accepts_json_and_locates_the_fault_in_anything_else(void **state)
{
	struct json_error e;
	struct json v;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int r = json_scan(cases[i].text, strlen(cases[i].text), JSON_UNIQUE, &v, &e);

		if (r != cases[i].result || (r < 0 && (e.line != cases[i].line || e.column != cases[i].column)))
			fail_msg("%s: %d at %u:%u", cases[i].text, r, r ? e.line : 0, r ? e.column : 0);
	}
	/* A NUL byte inside is no end of the text, and not JSON. */
	assert_int_equal(json_scan("1\0", 2, 0, &v, &e), -EINVAL);
	assert_int_equal(json_scan("\"\\\0\"", 4, 0, &v, &e), -EINVAL);
	assert_int_equal(json_scan("{\"a\":1,\"a\":2}", 13, 0, &v, &e), 0);
}

static void
depth_and_members_are_bounded(void **state)
{
	struct buf b = BUF_INIT;
	struct json_error e;
	struct json v;

	(void)state;
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_putc(&b, '[');
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_putc(&b, ']');
	assert_int_equal(json_scan(buf_str(&b), b.len, 0, &v, &e), 0);
	buf_reset(&b);
	for (int i = 0; i < 10000; i++)
		buf_puts(&b, "{\"a\":");
	assert_int_equal(json_scan(buf_str(&b), b.len, JSON_UNIQUE, &v, &e), -E2BIG);
	buf_reset(&b);
	buf_putc(&b, '{');
	for (int i = 0; i < 70000; i++)
		buf_printf(&b, "%s\"%d\":0", i ? "," : "", i);
	buf_putc(&b, '}');
	assert_int_equal(json_scan(buf_str(&b), b.len, JSON_UNIQUE, &v, &e), -E2BIG);
	assert_int_equal(json_scan(buf_str(&b), b.len, 0, &v, &e), 0);
	buf_release(&b);
}

static void
members_and_items_are_found(void **state)
{
	static const char text[] = " {\"s\":\"a\\\"b\\u00e9\\ud83d\\ude00\\ud800x\", \"n\" : -12 ,\"big\":12345678901234567,"
	    "\"e\":1e3,\"f\":0.5,\"o\":{\"x\":[1,[2],{\"y\":\"]\"}]},\"l\":[],\"t\":true} ";
	struct json_iter it = { 0 };
	struct buf b = BUF_INIT;
	struct json v, x, item;
	int64_t n;
	double d;

	(void)state;
	assert_int_equal(json_scan(text, sizeof text - 1, JSON_UNIQUE, &v, NULL), 0);
	assert_true(json_get(v, "s", &x));
	assert_int_equal(json_text(x, &b), 0);
	assert_string_equal(buf_str(&b), "a\"b\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx");
	assert_true(json_get(v, "n", &x));
	assert_int_equal(json_int(x, -100, 100, &n), 0);
	assert_int_equal(n, -12);
	assert_int_equal(json_int(x, 0, 100, &n), -ERANGE);
	assert_true(json_get(v, "big", &x) && json_int(x, 0, INT64_MAX, &n) == 0 && n == 12345678901234567);
	assert_true(json_get(v, "e", &x) && json_int(x, 0, 2000, &n) == 0 && n == 1000);
	assert_true(json_get(v, "f", &x) && json_int(x, 0, 2000, &n) == -EINVAL);
	assert_true(json_double(x, &d) == 0 && d > 0.49 && d < 0.51);
	assert_true(json_get(v, "t", &x) && x.kind == JSON_TRUE && json_int(x, 0, 1, &n) == -EINVAL);
	assert_true(json_get(v, "l", &x) && !json_next(x, &it, NULL, &item));
	assert_true(json_get(v, "o", &x) && json_get(x, "x", &x));
	it = (struct json_iter){ 0 };
	assert_true(json_next(x, &it, NULL, &item) && item.len == 1);
	assert_true(json_next(x, &it, NULL, &item) && item.len == 3);
	assert_true(json_next(x, &it, NULL, &item) && json_get(item, "y", &item) && json_equals(item, "]"));
	assert_false(json_next(x, &it, NULL, &item));
	assert_false(json_get(v, "x", &x));
	buf_release(&b);
}

static void
what_is_written_can_be_read(void **state)
{
	static const char nasty[] = "\"\\/\b\f\n\r\t\x01\x7f \xc3\xa9 \xff \xe2\x82";
	struct buf b = BUF_INIT, back = BUF_INIT;
	struct json v, x;

	(void)state;
	json_put_open(&b, '{');
	json_put_key(&b, "a");
	json_put_string(&b, nasty, sizeof nasty - 1);
	json_put_key(&b, "b");
	json_put_open(&b, '[');
	json_put_int(&b, INT64_MIN);
	json_put_bool(&b, true);
	json_put_str(&b, NULL);
	json_put_open(&b, '{');
	json_put_close(&b, '}');
	json_put_str(&b, "");
	json_put_close(&b, ']');
	json_put_close(&b, '}');
	assert_string_equal(buf_str(&b), "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u007f \xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\","
	    "\"b\":[-9223372036854775808,true,null,{},\"\"]}");
	assert_int_equal(json_scan(buf_str(&b), b.len, JSON_UNIQUE, &v, NULL), 0);
	assert_true(json_get(v, "a", &x));
	assert_int_equal(json_text(x, &back), 0);
	assert_memory_equal(buf_str(&back), nasty, 10);
	buf_release(&b);
	buf_release(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_json_and_locates_the_fault_in_anything_else),
		cmocka_unit_test(depth_and_members_are_bounded),
		cmocka_unit_test(members_and_items_are_found),
		cmocka_unit_test(what_is_written_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
