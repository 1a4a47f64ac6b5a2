/* wire - what is made can be read, by Jupyter's rules; what is wrong is refused for the reason it is wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/wire.h"

#define KEY "a0436f6c-1916-498b-8eb9-e81ab9368e84"

static struct wire_frame
text(const char *s)
{
	return (struct wire_frame){ s, strlen(s) };
}

static void
a_message_made_here_is_read_back(void **state)
{
	struct wire *a = wire_new(KEY, "alpha"), *b = wire_new(KEY, "beta");
	struct wire_out out = WIRE_OUT_INIT;
	struct wire_msg msg;

	(void)state;
	assert_int_equal(wire_encode(a, "execute_request", "{\"msg_id\":\"p-1\"}", 16, "{\"code\":\"1\"}", 12, &out), 0);
	assert_int_equal(wire_decode(b, out.frame, WIRE_OUT_FRAMES, &msg), 0);
	assert_int_equal(wire_decode(b, out.frame, WIRE_OUT_FRAMES, &msg), -EALREADY);
	assert_true(json_equals(msg.type, "execute_request"));
	assert_true(json_equals(msg.parent_id, "p-1"));
	assert_int_equal(msg.content.len, 12);
	wire_out_release(&out);
	wire_free(&a);
	wire_free(&b);
}

/* HMAC-SHA256 over the four frames, computed with Python's hmac module. */
static void
the_signature_is_the_one_jupyter_computes(void **state)
{
	struct wire_frame frame[] = {
		text("<IDS|MSG>"),
		text("c1d6a1e5e6e0a0d1b3d5a1e5e6e0a0d1b3d5a1e5e6e0a0d1b3d5a1e5e6e0a0d1"),
		text("{\"msg_type\":\"a\"}"), text("{}"), text("{}"), text("{\"b\":2}"),
	};
	struct wire *w = wire_new(KEY, "s");
	struct wire_msg msg;

	(void)state;
	assert_int_equal(wire_decode(w, frame, 6, &msg), -EACCES);
	frame[1] = text("68fb9e1bfa911859602d127e4a9988d72f490c37c804f2e3ff109561b3339e89");
	assert_int_equal(wire_decode(w, frame, 6, &msg), 0);
	assert_int_equal(msg.parent_id.len, 0);
	wire_free(&w);
}

static void
message_ids_never_repeat(void **state)
{
	struct wire *w = wire_new(KEY, "0123456789abcdef0123456789abcdef");
	struct wire_out out = WIRE_OUT_INIT;
	char last[WIRE_ID_MAX] = "", signature[WIRE_SIG_LEN + 1] = "";

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(wire_encode(w, "t", NULL, 0, "{}", 2, &out), 0);
		assert_string_not_equal(out.id, last);
		assert_string_not_equal(out.signature, signature);
		memcpy(last, out.id, sizeof last);
		memcpy(signature, out.signature, sizeof signature);
	}
	wire_out_release(&out);
	wire_free(&w);
}

static int
decode_changed(int which, struct wire_frame with, size_t n)
{
	struct wire *w = wire_new(KEY, "s");
	struct wire_out out = WIRE_OUT_INIT;
	struct wire_msg msg;
	int r;

	assert_int_equal(wire_encode(w, "status", NULL, 0, "{\"execution_state\":\"idle\"}", 26, &out), 0);
	if (which >= 0)
		out.frame[which] = with;
	r = wire_decode(w, out.frame, n, &msg);
	wire_out_release(&out);
	wire_free(&w);
	return r;
}

static void
wrong_messages_are_refused(void **state)
{
	(void)state;
	assert_int_equal(decode_changed(-1, text(""), 6), 0);
	assert_int_equal(decode_changed(-1, text(""), 0), -EPROTO);
	assert_int_equal(decode_changed(-1, text(""), 3), -EPROTO);
	assert_int_equal(decode_changed(0, text("<ids|msg>"), 6), -EPROTO);
	assert_int_equal(decode_changed(1, text(""), 6), -EACCES);
	assert_int_equal(decode_changed(1, text("0000000000000000000000000000000000000000000000000000000000000000"), 6), -EACCES);
	assert_int_equal(decode_changed(5, text("{\"execution_state\":\"busy\"}"), 6), -EACCES);
	assert_int_equal(decode_changed(2, text(""), 6), -EACCES);
}

/* Signed as they should be, but no messages. */
static int
decode_content(const char *content, size_t len, struct wire *w, struct wire_out *out, struct wire_msg *msg)
{
	assert_int_equal(wire_encode(w, "stream", NULL, 0, content, len, out), 0);
	return wire_decode(w, out->frame, WIRE_OUT_FRAMES, msg);
}

static void
what_is_signed_but_no_json_object_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "null", "{", "{\"a\":NaN}", "{} x", "\"x\"" };
	struct wire *w = wire_new(KEY, "s");
	struct wire_out out = WIRE_OUT_INIT;
	struct wire_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(decode_content(bad[i], strlen(bad[i]), w, &out, &msg), -EBADMSG);
	wire_out_release(&out);
	wire_free(&w);
}

static void
bytes_of_output_that_are_no_utf8_are_replaced(void **state)
{
	static const char content[] = "{\"name\":\"stdout\",\"text\":\"a\xff" "b\"}";
	struct wire *w = wire_new(KEY, "s");
	struct wire_out out = WIRE_OUT_INIT;
	struct wire_msg msg;
	struct json v;

	(void)state;
	assert_int_equal(decode_content(content, sizeof content - 1, w, &out, &msg), 0);
	assert_true(json_get(msg.content, "text", &v));
	assert_true(json_equals(v, "a\xef\xbf\xbd" "b"));
	wire_out_release(&out);
	wire_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_made_here_is_read_back),
		cmocka_unit_test(the_signature_is_the_one_jupyter_computes),
		cmocka_unit_test(message_ids_never_repeat),
		cmocka_unit_test(wrong_messages_are_refused),
		cmocka_unit_test(what_is_signed_but_no_json_object_is_refused),
		cmocka_unit_test(bytes_of_output_that_are_no_utf8_are_replaced),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
