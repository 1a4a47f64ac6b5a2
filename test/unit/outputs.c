/* outputs - messages in, the answer's array out: joined, cleaned, updated, cleared, bounded. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/items.h"
#include "../../executor/jupyter/outputs.h"

static struct json
value(const char *text)
{
	struct json_error err;
	struct json v;

	assert_int_equal(json_scan(text, strlen(text), 0, &v, &err), 0);
	return v;
}

static int
message(struct outputs *o, const char *type, const char *content)
{
	struct buf t = BUF_INIT;
	int r;

	json_put_str(&t, type);
	r = outputs_message(o, value(buf_str(&t)), value(content));
	buf_release(&t);
	return r;
}

static void
expect(struct outputs **o, const char *array)
{
	struct buf b = BUF_INIT;

	outputs_end(*o);
	outputs_format(*o, &b);
	assert_string_equal(buf_str(&b), array);
	buf_release(&b);
	outputs_free(o);
}

#define OUT(text) "{\"type\":\"stream\",\"name\":\"stdout\",\"text\":\"" text "\"}"
#define ERR(text) "{\"type\":\"stream\",\"name\":\"stderr\",\"text\":\"" text "\"}"
#define SHOW(text) "{\"type\":\"display\",\"data\":{\"text/plain\":\"" text "\"},\"metadata\":{}}"

static void
print(struct outputs *o, const char *name, const char *text)
{
	struct buf b = BUF_INIT;

	json_put_open(&b, '{');
	json_put_key(&b, "name");
	json_put_str(&b, name);
	json_put_key(&b, "text");
	json_put_str(&b, text);
	json_put_close(&b, '}');
	assert_int_equal(message(o, "stream", buf_str(&b)), 0);
	buf_release(&b);
}

static void
neighbours_of_one_name_are_one_item(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	print(o, "stdout", "a");
	print(o, "stdout", "b\n");
	print(o, "stderr", "c");
	print(o, "stdout", "d");
	outputs_bytes(o, OUTPUTS_STDOUT, "e", 1);
	expect(&o, "[" OUT("ab\\n") "," ERR("c") "," OUT("de") "]");
}

static void
escapes_of_json_are_resolved(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	message(o, "stream", "{\"name\":\"stdout\",\"text\":\"\\u00e9\\ud83d\\ude00\\ud83dx\\/\\\\\\\"\"}");
	expect(&o, "[" OUT("\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx/\\\\\\\"") "]");
}

static void
colour_is_removed_even_when_split_over_messages(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	print(o, "stdout", "\x1b[31mred\x1b[0");
	print(o, "stderr", "x");
	print(o, "stdout", "m end\x1b");
	print(o, "stdout", "[1mbold\x1b[2K");
	expect(&o, "[" OUT("red") "," ERR("x") "," OUT(" endbold") "]");
}

static void
what_is_no_control_sequence_stays(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	print(o, "stdout", "\x1b]52;c;eA==\x07 \x1b\x1b[31mx \x1b[1\n \x1b[");
	expect(&o, "[" OUT("\\u001b]52;c;eA==\\u0007 \\u001bx \\u001b[1\\n \\u001b[") "]");
}

static void
colour_stays_where_it_is_asked_for_and_in_bundles(void **state)
{
	struct outputs *o = outputs_new(1000, true), *p = outputs_new(1000, false);

	(void)state;
	print(o, "stdout", "\x1b[31mred");
	expect(&o, "[" OUT("\\u001b[31mred") "]");
	message(p, "display_data", "{\"data\":{\"text/plain\":\"\\u001b[31mred\"},\"metadata\":{}}");
	expect(&p, "[" SHOW("\\u001b[31mred") "]");
}

static void
bundles_pass_as_the_bytes_that_came(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	message(o, "execute_result", "{\"data\":{\"application/json\":{\"n\": 12345678901234567890.10}},\"execution_count\":1}");
	expect(&o, "[{\"type\":\"result\",\"data\":{\"application/json\":{\"n\": 12345678901234567890.10}},\"metadata\":{}}]");
}

static void
an_update_replaces_what_its_display_id_showed(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	message(o, "display_data", "{\"data\":{\"text/plain\":\"1\"},\"metadata\":{},\"transient\":{\"display_id\":\"a\"}}");
	message(o, "display_data", "{\"data\":{\"text/plain\":\"2\"},\"metadata\":{},\"transient\":{\"display_id\":\"b\"}}");
	message(o, "display_data", "{\"data\":{\"text/plain\":\"3\"},\"metadata\":{},\"transient\":{\"display_id\":\"a\"}}");
	message(o, "update_display_data", "{\"data\":{\"text/plain\":\"9\"},\"metadata\":{},\"transient\":{\"display_id\":\"a\"}}");
	message(o, "update_display_data", "{\"data\":{\"text/plain\":\"8\"},\"metadata\":{},\"transient\":{\"display_id\":\"?\"}}");
	expect(&o, "[" SHOW("9") "," SHOW("2") "," SHOW("9") "]");
}

static void
clear_output_clears_at_once_or_with_the_next_output(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	print(o, "stdout", "1");
	message(o, "clear_output", "{\"wait\":false}");
	print(o, "stdout", "2");
	message(o, "clear_output", "{\"wait\":true}");
	print(o, "stdout", "3");
	message(o, "clear_output", "{\"wait\":true}");
	expect(&o, "[" OUT("3") "]");
}

static void
beyond_the_limit_head_and_tail_are_kept_and_the_rest_counted(void **state)
{
	struct outputs *o = outputs_new(10, false);

	(void)state;
	for (int i = 0; i < 26; i++)
		print(o, "stdout", (char[]){ (char)('a' + i), '\0' });
	assert_int_equal(outputs_dropped(o), 16);
	expect(&o, "[" OUT("abcde\\n[16 bytes dropped]\\nvwxyz") "]");
}

static void
one_message_beyond_the_limit_is_cut_the_same(void **state)
{
	struct outputs *o = outputs_new(10, false);

	(void)state;
	print(o, "stderr", "abcdefghijklmnopqrstuvwxyz");
	expect(&o, "[" ERR("abcde\\n[16 bytes dropped]\\nvwxyz") "]");
}

static void
characters_are_not_cut_in_two(void **state)
{
	struct outputs *o = outputs_new(10, false);
	struct buf b = BUF_INIT;
	struct json_error err;
	struct json v;

	(void)state;
	for (int i = 0; i < 100; i++)
		print(o, "stdout", "a\xe2\x82\xac");
	outputs_format(o, &b);
	assert_null(strstr(buf_str(&b), "\xef\xbf\xbd"));
	assert_int_equal(json_scan(buf_str(&b), b.len, 0, &v, &err), 0);
	buf_release(&b);
	outputs_free(&o);
}

static void
a_bundle_too_large_is_dropped_whole(void **state)
{
	struct outputs *o = outputs_new(60, false);

	(void)state;
	print(o, "stdout", "a");
	message(o, "display_data", "{\"data\":{\"text/plain\":\"0123456789012345678901234567890123456789012345678\"},\"metadata\":{}}");
	print(o, "stdout", "b");
	assert_true(outputs_dropped(o) > 60);
	outputs_end(o);
	outputs_free(&o);
}

static void
the_last_error_is_kept_in_a_flood(void **state)
{
	struct outputs *o = outputs_new(10, false);
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 100; i++)
		print(o, "stdout", "0123456789");
	message(o, "error", "{\"ename\":\"E\",\"evalue\":\"\\u001b[31mwhy\",\"traceback\":[\"\\u001b[0mline\"]}");
	outputs_format(o, &b);
	assert_non_null(strstr(buf_str(&b), "{\"type\":\"error\",\"name\":\"E\",\"value\":\"why\",\"traceback\":[\"line\"]}"));
	buf_release(&b);
	outputs_free(&o);
}

static void
many_small_items_are_bounded_too(void **state)
{
	struct outputs *o = outputs_new(16 << 20, false);
	struct buf b = BUF_INIT;
	size_t items = 0;

	(void)state;
	for (int i = 0; i < 3 * ITEMS_MAX; i++)
		print(o, i % 2 ? "stdout" : "stderr", "x");
	outputs_format(o, &b);
	for (const char *p = buf_str(&b); (p = strstr(p, "\"type\"")) != NULL; p++)
		items++;
	assert_in_range(items, ITEMS_MAX / 2, ITEMS_MAX + 1);
	assert_true(outputs_dropped(o) > 0);
	buf_release(&b);
	outputs_free(&o);
}

static void
an_error_held_lends_its_traceback_to_ours(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	outputs_hold_errors(o);
	message(o, "error", "{\"ename\":\"KeyboardInterrupt\",\"evalue\":\"\",\"traceback\":[\"at line 1\"]}");
	outputs_error(o, "TimeoutError", "late");
	expect(&o, "[{\"type\":\"error\",\"name\":\"TimeoutError\",\"value\":\"late\",\"traceback\":[\"at line 1\"]}]");
}

static void
raw_bytes_may_split_characters_and_be_no_utf8(void **state)
{
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	outputs_bytes(o, OUTPUTS_STDOUT, "\xe2\x82", 2);
	print(o, "stdout", "|");
	outputs_bytes(o, OUTPUTS_STDOUT, "\xac\xf0\x9f", 3);
	outputs_bytes(o, OUTPUTS_STDOUT, "\x98\x80\xff", 3);
	outputs_bytes(o, OUTPUTS_STDOUT, "z\xc3", 2);
	expect(&o, "[" OUT("|\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbdz\xef\xbf\xbd") "]");
}

static void
malformed_output_changes_nothing(void **state)
{
	static const char *const bad[] = { "{}", "{\"name\":\"stdout\"}", "{\"name\":1,\"text\":\"x\"}", "{\"data\":[]}" };
	struct outputs *o = outputs_new(1000, false);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(message(o, "stream", bad[i]), -EBADMSG);
		assert_int_equal(message(o, "display_data", bad[i]), -EBADMSG);
		assert_int_equal(message(o, "error", bad[i]), -EBADMSG);
	}
	assert_int_equal(message(o, "comm_open", "{}"), 0);
	expect(&o, "[]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_of_one_name_are_one_item),
		cmocka_unit_test(escapes_of_json_are_resolved),
		cmocka_unit_test(colour_is_removed_even_when_split_over_messages),
		cmocka_unit_test(what_is_no_control_sequence_stays),
		cmocka_unit_test(colour_stays_where_it_is_asked_for_and_in_bundles),
		cmocka_unit_test(bundles_pass_as_the_bytes_that_came),
		cmocka_unit_test(an_update_replaces_what_its_display_id_showed),
		cmocka_unit_test(clear_output_clears_at_once_or_with_the_next_output),
		cmocka_unit_test(beyond_the_limit_head_and_tail_are_kept_and_the_rest_counted),
		cmocka_unit_test(one_message_beyond_the_limit_is_cut_the_same),
		cmocka_unit_test(characters_are_not_cut_in_two),
		cmocka_unit_test(a_bundle_too_large_is_dropped_whole),
		cmocka_unit_test(the_last_error_is_kept_in_a_flood),
		cmocka_unit_test(many_small_items_are_bounded_too),
		cmocka_unit_test(an_error_held_lends_its_traceback_to_ours),
		cmocka_unit_test(raw_bytes_may_split_characters_and_be_no_utf8),
		cmocka_unit_test(malformed_output_changes_nothing),
	};

	return cmocka_run_group_tests_name("outputs", tests, NULL, NULL);
}
