/* uri - urls of servers, request targets, container ids. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/uri.h"

static const struct { const char *url, *same; } good[] = {
	{ "http://executor-000:8432", "http://executor-000:8432" },
	{ "HTTP://host", "http://host:80" }, { "http://h/", "http://h:80" },
	{ "http://[::1]:5000/", "http://[::1]:5000" }, { "http://[fe80::1]", "http://[fe80::1]:80" },
	{ "http://10.0.0.1:65535", "http://10.0.0.1:65535" }, { "unix:/run/x.sock", "unix:/run/x.sock" },
};
static const char *const wrong[] = {
	"", "host:80", "https://host", "ftp://host", "http://", "http:///x", "http://u:p@host", "http://u@host:1", "http://host/x",
	"http://host?x", "http://host#x", "http://host:", "http://host:0", "http://host:65536", "http://host:99999999999",
	"http://host:8x", "http://host:-1", "http://[::1", "http://[::1]x", "http://[zz]:1", "http://ho st", "http://a\nb",
	"http://::1:80", "unix:", "unix:x",
};

static void
urls_are_taken_apart_or_refused_with_a_reason(void **state)
{
	struct buf b = BUF_INIT;
	struct endpoint e;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(uri_parse_endpoint(good[i].url, &e, &why), 0);
		buf_reset(&b);
		uri_format_endpoint(&e, &b);
		assert_string_equal(buf_str(&b), good[i].same);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		why = NULL;
		if (uri_parse_endpoint(wrong[i], &e, &why) != -EINVAL || !why)
			fail_msg("accepted: %s", wrong[i]);
	}
	buf_reset(&b);
	buf_printf(&b, "unix:/%0106d", 0);		/* 107 bytes fit, 108 do not */
	assert_int_equal(uri_parse_endpoint(buf_str(&b), &e, &why), 0);
	buf_putc(&b, '0');
	assert_int_equal(uri_parse_endpoint(buf_str(&b), &e, &why), -EINVAL);
	assert_int_equal(uri_make_endpoint("[::1]", 5000, &e, &why), 0);
	assert_string_equal(e.host, "::1");
	assert_int_equal(uri_make_endpoint("::", 0, &e, &why), 0);
	assert_int_equal(uri_make_endpoint("unix:/x", 5, &e, &why), 0);
	assert_true(e.is_unix);
	assert_int_equal(uri_make_endpoint("", 0, &e, &why), -EINVAL);
	assert_int_equal(uri_make_endpoint("[", 0, &e, &why), -EINVAL);
	buf_release(&b);
}

static void
queries_are_decoded(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(uri_query("/allocate?container_type=a%2Fb+c&wait=0", "container_type", &b), 1);
	assert_string_equal(buf_str(&b), "a/b c");
	buf_reset(&b);
	assert_int_equal(uri_query("/a?x&y=", "x", &b), 1);
	assert_int_equal(uri_query("/a?x&y=", "y", &b), 1);
	assert_int_equal(b.len, 0);
	assert_int_equal(uri_query("/a?x=1", "y", &b), 0);
	assert_int_equal(uri_query("/a?&&", "y", &b), 0);
	assert_int_equal(uri_query("/a", "y", &b), 0);
	assert_int_equal(uri_query("/a?x=1&x=2", "x", &b), -EEXIST);
	assert_int_equal(uri_query("/a?x=%zz", "x", &b), -EINVAL);
	assert_int_equal(uri_query("/a?x=%00", "x", &b), -EINVAL);
	assert_int_equal(uri_query("/a?x=%", "x", &b), -EINVAL);
	buf_release(&b);
}

static void
all_but_unreserved_characters_are_escaped(void **state)
{
	static const char text[] = "aZ09-._~\0 %/?&=+\n\xc3\xa9";
	struct buf b = BUF_INIT;

	(void)state;
	uri_encode(text, sizeof text - 1, &b);
	assert_string_equal(buf_str(&b), "aZ09-._~%00%20%25%2F%3F%26%3D%2B%0A%C3%A9");
	buf_release(&b);
}

static void
ids_are_plain_decimals(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", "007", "1e3", "99999999999", "2147483648", "1 ", " 1", "0x1", "1.0", "a" };
	int id = -1;

	(void)state;
	assert_int_equal(uri_parse_id("0", 1, &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(uri_parse_id("2147483647", 10, &id), 0);
	assert_int_equal(id, 2147483647);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(uri_parse_id(bad[i], strlen(bad[i]), &id), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart_or_refused_with_a_reason),
		cmocka_unit_test(queries_are_decoded),
		cmocka_unit_test(all_but_unreserved_characters_are_escaped),
		cmocka_unit_test(ids_are_plain_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
