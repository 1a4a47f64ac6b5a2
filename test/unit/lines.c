/* lines - messages in, lines out: as they come, cleaned, within a limit with the rest's end kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/outputs.h"

struct got {
	struct buf	 text;
	bool		 deaf;		/* takes nothing */
};

static bool
put(void *arg, struct buf *lines)
{
	struct got *g = arg;

	if (g->deaf)
		return false;
	buf_add(&g->text, lines->data, lines->len);
	return true;
}

static struct outputs *
open_with(struct got *g, size_t max_bytes, size_t max_bundle)
{
	const struct lines_conf conf = { .max_bytes = max_bytes, .max_bundle = max_bundle, .arg = g, .put = put };
	struct outputs *o = outputs_new_lines(&conf, false);

	assert_non_null(o);
	return o;
}

static void
message(struct outputs *o, const char *type, const char *content)
{
	struct json_error err;
	struct json t, c;
	struct buf b = BUF_INIT;

	json_put_str(&b, type);
	assert_int_equal(json_scan(buf_str(&b), b.len, 0, &t, &err), 0);
	assert_int_equal(json_scan(content, strlen(content), 0, &c, &err), 0);
	assert_int_equal(outputs_message(o, t, c), 0);
	buf_release(&b);
}

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
	message(o, "stream", buf_str(&b));
	buf_release(&b);
}

static void
expect(struct got *g, const char *text)
{
	assert_string_equal(buf_str(&g->text), text);
	buf_reset(&g->text);
}

static void
done(struct outputs **o, struct got *g)
{
	outputs_free(o);
	buf_release(&g->text);
}

#define OUT(text) "{\"type\":\"stream\",\"name\":\"stdout\",\"text\":\"" text "\"}\n"
#define ERR(text) "{\"type\":\"stream\",\"name\":\"stderr\",\"text\":\"" text "\"}\n"

static void
each_flush_ends_the_lines_made_so_far(void **state)
{
	struct got g = { .text = BUF_INIT };
	struct outputs *o = open_with(&g, SIZE_MAX, 1000);

	(void)state;
	print(o, "stdout", "a");
	print(o, "stdout", "b\n");
	print(o, "stderr", "c");
	outputs_flush(o);
	expect(&g, OUT("ab\\n") ERR("c"));
	outputs_flush(o);
	expect(&g, "");
	print(o, "stderr", "d");
	outputs_end(o);
	expect(&g, ERR("d"));
	done(&o, &g);
}

static void
control_sequences_and_characters_split_over_pieces_are_put_together(void **state)
{
	struct got g = { .text = BUF_INIT };
	struct outputs *o = open_with(&g, SIZE_MAX, 1000);

	(void)state;
	print(o, "stdout", "red\x1b[3");
	outputs_flush(o);
	expect(&g, OUT("red"));
	print(o, "stdout", "1m!");
	outputs_flush(o);
	expect(&g, OUT("!"));
	outputs_bytes(o, OUTPUTS_STDERR, "\xe2\x82", 2);
	outputs_flush(o);
	expect(&g, "");
	outputs_bytes(o, OUTPUTS_STDERR, "\xac", 1);
	print(o, "stdout", "\x1b[");
	outputs_end(o);
	expect(&g, ERR("\xe2\x82\xac") OUT("\\u001b["));
	done(&o, &g);
}

static void
displays_updates_and_clears_are_lines_of_their_own(void **state)
{
	struct got g = { .text = BUF_INIT };
	struct outputs *o = open_with(&g, SIZE_MAX, 1000);

	(void)state;
	message(o, "display_data", "{\"data\":{\"text/plain\":\"1\"},\"metadata\":{\"a\":1},\"transient\":{\"display_id\":\"x\\\"\"}}");
	message(o, "update_display_data", "{\"data\":{\"text/plain\":\"2\"},\"metadata\":{},\"transient\":{\"display_id\":\"x\\\"\"}}");
	message(o, "update_display_data", "{\"data\":{\"text/plain\":\"of nothing\"},\"metadata\":{}}");
	message(o, "execute_result", "{\"data\":{\"text/plain\":\"3\"},\"execution_count\":1}");
	message(o, "clear_output", "{\"wait\":true}");
	message(o, "clear_output", "{\"wait\":true}");
	message(o, "clear_output", "{}");
	message(o, "error", "{\"ename\":\"E\",\"evalue\":\"\\u001b[31mv\",\"traceback\":[]}");
	outputs_end(o);
	expect(&g, "{\"type\":\"display\",\"display_id\":\"x\\\"\",\"data\":{\"text/plain\":\"1\"},\"metadata\":{\"a\":1}}\n"
	    "{\"type\":\"update\",\"display_id\":\"x\\\"\",\"data\":{\"text/plain\":\"2\"},\"metadata\":{}}\n"
	    "{\"type\":\"result\",\"data\":{\"text/plain\":\"3\"},\"metadata\":{}}\n"
	    "{\"type\":\"clear_output\",\"wait\":true}\n{\"type\":\"clear_output\",\"wait\":false}\n"
	    "{\"type\":\"error\",\"name\":\"E\",\"value\":\"v\",\"traceback\":[]}\n");
	done(&o, &g);
}

static void
without_a_limit_nothing_is_dropped_and_lines_stay_short(void **state)
{
	struct got g = { .text = BUF_INIT };
	struct outputs *o = open_with(&g, SIZE_MAX, 1000);
	char *big = malloc(1000001);
	size_t lines = 0, longest = 0;

	(void)state;
	memset(big, 'x', 1000000);
	big[1000000] = '\0';
	print(o, "stdout", big);
	outputs_end(o);
	for (const char *p = buf_str(&g.text), *end; (end = strchr(p, '\n')) != NULL; p = end + 1, lines++)
		if ((size_t)(end - p) > longest)
			longest = (size_t)(end - p);
	assert_int_equal(outputs_dropped(o), 0);
	assert_int_equal(g.text.len, 1000000 + lines * strlen(OUT("")));
	assert_in_range(longest, LINES_TEXT, 2 * LINES_TEXT + 100);
	free(big);
	done(&o, &g);
}

static void
beyond_the_limit_the_end_is_kept_and_comes_last(void **state)
{
	struct got g = { .text = BUF_INIT };
	struct outputs *o = open_with(&g, 40, 1000);

	(void)state;
	for (int i = 0; i < 100; i++)
		print(o, "stdout", (char[]){ (char)('0' + i % 10), '\0' });
	outputs_flush(o);
	expect(&g, OUT("012345678901234567890123456789"));
	message(o, "error", "{\"ename\":\"E\",\"evalue\":\"\",\"traceback\":[]}");
	outputs_end(o);
	expect(&g, OUT("\\n[70 bytes dropped]\\n") "{\"type\":\"error\",\"name\":\"E\",\"value\":\"\",\"traceback\":[]}\n");
	assert_int_equal(outputs_dropped(o), 70);
	done(&o, &g);
}

static void
within_the_limit_nothing_is_dropped(void **state)
{
	struct got g = { .text = BUF_INIT };
	struct outputs *o = open_with(&g, 40, 1000);

	(void)state;
	print(o, "stdout", "0123456789012345678901234567890123456789");
	outputs_end(o);
	expect(&g, OUT("012345678901234567890123456789") OUT("0123456789"));
	assert_int_equal(outputs_dropped(o), 0);
	done(&o, &g);
}

static void
a_bundle_too_large_is_dropped_whole(void **state)
{
	struct got g = { .text = BUF_INIT };
	struct outputs *o = open_with(&g, SIZE_MAX, 30);

	(void)state;
	message(o, "display_data", "{\"data\":{\"text/plain\":\"0123456789\"},\"metadata\":{}}");
	print(o, "stdout", "after");
	outputs_end(o);
	expect(&g, OUT("after"));
	assert_in_range(outputs_dropped(o), 31, 100);
	done(&o, &g);
}

static void
what_nobody_takes_is_counted(void **state)
{
	struct got g = { .text = BUF_INIT, .deaf = true };
	struct outputs *o = open_with(&g, SIZE_MAX, 1000);

	(void)state;
	print(o, "stdout", "0123456789");
	outputs_flush(o);
	g.deaf = false;
	print(o, "stdout", "heard");
	outputs_end(o);
	expect(&g, OUT("heard"));
	assert_int_equal(outputs_dropped(o), 10);
	done(&o, &g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flush_ends_the_lines_made_so_far),
		cmocka_unit_test(control_sequences_and_characters_split_over_pieces_are_put_together),
		cmocka_unit_test(displays_updates_and_clears_are_lines_of_their_own),
		cmocka_unit_test(without_a_limit_nothing_is_dropped_and_lines_stay_short),
		cmocka_unit_test(beyond_the_limit_the_end_is_kept_and_comes_last),
		cmocka_unit_test(within_the_limit_nothing_is_dropped),
		cmocka_unit_test(a_bundle_too_large_is_dropped_whole),
		cmocka_unit_test(what_nobody_takes_is_counted),
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
