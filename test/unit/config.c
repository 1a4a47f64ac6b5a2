/* config: container_config.json by cases: the text, and what is read or why it is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/clock.h"
#include "manager/config.h"

struct bad {
	const char *text, *why;		/* why: what the sentence must hold */
};

static void
test_reads_urls_and_types_in_order_of_ids(void **state)
{
	static const char text[] = "{\"7\":\"unix:/run/x.sock\",\n"
	    " \"0\":{\"url\":\"http://executor-000:8432\",\"type\":\"python\"},\n"
	    " \"2147483647\":{\"type\":\"R-4.2\",\"url\":\"http://[::1]\"}}\n";
	struct config c = CONFIG_INIT;
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), &c, &why), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.entry[0].id, 0);
	assert_string_equal(c.entry[0].type, "python");
	assert_string_equal(c.entry[0].at.host, "executor-000");
	assert_int_equal(c.entry[0].at.port, 8432);
	assert_int_equal(c.entry[0].line, 2);
	assert_int_equal(c.entry[1].id, 7);
	assert_string_equal(c.entry[1].type, "default");
	assert_true(c.entry[1].at.is_unix);
	assert_string_equal(c.entry[2].at.host, "::1");
	assert_int_equal(c.entry[2].at.port, 80);
	assert_ptr_equal(config_find(&c, 7), &c.entry[1]);
	assert_null(config_find(&c, 8));
	config_release(&c);
	assert_null(config_find(&c, 7));
}

static void
test_refuses_and_names_the_line(void **state)
{
	static const struct bad bad[] = {
		{ "", "line 1" },
		{ "  \n", "line 2" },
		{ "{}", "line 1: no container" },
		{ "[]", "line 1: must be an object" },
		{ "null", "must be an object" },
		{ "{\"0\":\"http://a\"} x", "line 1, column 18" },
		{ "{\"0\":\"http://a\",\n\"1\":\"http://b\",\n\"0\":\"http://c\"}", "line 3: container 0: is on line 1" },
		{ "{\"0\":\"http://a\",\n\"\\u0030\":\"http://c\"}", "line 2: container 0: is on line 1" },
		{ "{\"-1\":\"http://a\"}", "\"-1\": an id" },
		{ "{\"007\":\"http://a\"}", "\"007\": an id" },
		{ "{\"1e3\":\"http://a\"}", "an id" },
		{ "{\"99999999999\":\"http://a\"}", "an id" },
		{ "{\"\":\"http://a\"}", "an id" },
		{ "{\"0\\u0000\":\"http://a\"}", "an id" },
		{ "{\"0\":\n5}", "line 2: container 0: must be an object" },
		{ "{\"0\":{\"type\":\"python\"}}", "container 0: url: missing" },
		{ "{\"0\":{\"url\":7}}", "url: must be a string" },
		{ "{\"0\":{\"url\":\"http://a\",\"url\":\"http://b\"}}", "url: given twice" },
		{ "{\"0\":{\"url\":\"http://a\\u0000b\"}}", "NUL" },
		{ "{\"0\":\n\"https://a\"}", "line 2: container 0: url: https is not supported" },
		{ "{\"0\":\"http://me:pw@a\"}", "user and password" },
		{ "{\"0\":\"http://a:70000\"}", "65535" },
		{ "{\"0\":\"a:80\"}", "must start with" },
		{ "{\"0\":{\"url\":\"http://a\",\"type\":3}}", "type: must be a string" },
		{ "{\"0\":{\"url\":\"http://a\",\"type\":\"\"}}", "type: must be 1 to" },
		{ "{\"0\":{\"url\":\"http://a\",\"type\":\"a/b\"}}", "type: must be 1 to" },
		{ "{\"0\":{\"url\":\"http://a\",\"type\":\"a\\nb\"}}", "type: must be 1 to" },
		{ "{\"0\":{\"url\":\"http://a\",\"tpye\":\"b\"}}", "\"tpye\": only url and type" },
		{ "{\"0\":\"http://\xff\"}", "line 1, column" },
		{ "\xef\xbb\xbf{\"0\":\"http://a\"}", "line 1" },
		{ "{\"0\":\"http://a\",}", "line 1, column" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct config c = CONFIG_INIT;
		struct buf why = BUF_INIT;

		assert_true(config_parse(bad[i].text, strlen(bad[i].text), &c, &why) < 0);
		if (strstr(buf_str(&why), bad[i].why) == NULL)
			fail_msg("%s: said \"%s\", not \"%s\"", bad[i].text, buf_str(&why), bad[i].why);
		assert_null(c.entry);
		buf_release(&why);
	}
}

static void
test_notices_two_containers_behind_one_url(void **state)
{
	static const char text[] = "{\"0\":\"http://a\",\"1\":\"http://b\",\n\"2\":\"http://a\"}";
	struct config c = CONFIG_INIT;
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), &c, &why), 0);
	assert_int_equal(c.twin->id, 2);
	assert_int_equal(c.twin->line, 2);
	assert_int_equal(c.twin_of, 0);
	config_release(&c);
}

static void
test_refuses_a_type_of_300_characters(void **state)
{
	struct config c = CONFIG_INIT;
	struct buf why = BUF_INIT, text = BUF_INIT;

	(void)state;
	buf_puts(&text, "{\"0\":{\"url\":\"http://a\",\"type\":\"");
	for (int i = 0; i < 300; i++)
		buf_putc(&text, 'x');
	buf_puts(&text, "\"}}");
	assert_true(config_parse(buf_str(&text), text.len, &c, &why) < 0);
	buf_release(&text);
	buf_release(&why);
}

static void
test_reads_ten_thousand_containers_at_once(void **state)
{
	struct config c = CONFIG_INIT;
	struct buf why = BUF_INIT, text = BUF_INIT;
	int64_t t0;

	(void)state;
	buf_putc(&text, '{');
	for (int i = 10000; i > 0; i--)
		buf_printf(&text, "%s\n\"%d\":{\"url\":\"http://executor-%d:8432\",\"type\":\"python\"}", i < 10000 ? "," : "", i, i);
	buf_putc(&text, '}');
	t0 = clock_mono_ms();
	assert_int_equal(config_parse(buf_str(&text), text.len, &c, &why), 0);
	assert_true(clock_mono_ms() - t0 < 2000);
	assert_int_equal(c.n, 10000);
	assert_int_equal(c.entry[0].id, 1);
	assert_int_equal(c.entry[0].line, 10001);
	config_release(&c);
	buf_release(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_urls_and_types_in_order_of_ids),
		cmocka_unit_test(test_refuses_and_names_the_line),
		cmocka_unit_test(test_notices_two_containers_behind_one_url),
		cmocka_unit_test(test_refuses_a_type_of_300_characters),
		cmocka_unit_test(test_reads_ten_thousand_containers_at_once),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
