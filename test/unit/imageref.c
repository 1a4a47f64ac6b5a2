/* imageref - texts that can name an image, and texts that cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "deploy/imageref.h"

#define H32	"0123456789abcdef0123456789ABCDEF"
#define N64	"abcdefghijklmnopabcdefghijklmnopabcdefghijklmnopabcdefghijklmnop"

static const char *const good[] = {
	"python", "python:3", "python:3.12-slim", "a", "0", "1e3", "0o7", "no", "a.b", "a_b", "a__b", "a-b", "a---b", "a:_", "a:A",
	"library/python", "team/python/slim:1", "registry.example/team/python:3", "registry.example:5000/python", "localhost/x",
	"localhost:5000/x:1", "127.0.0.1:5000/x", "[::1]:5000/x", "[fe80::1]/x", "Host/x", "my-host.a/x",
	("python@sha256:" H32), ("python:3@sha256:" H32), ("r.example:1/a/b:c@sha256+b64:" H32),
	("a:" N64 N64), (N64 "/" N64 "/" N64 "/" "abcdefghijklmnopabcdefghijklmnopabcdefghijklmnopabcdefghijkl"),
};

static const char *const bad[] = {
	"", " ", "Python", "a b", "a\n", "a:", ":a", "a:b:c", "a:-b", "a:.b", "a/", "/a", "a//b", "a..b", "a___b", "a._b", "a-", "-a",
	"_a", "a_", ".a", "a.", "a/B", "a/b.", "*x", "a$b", "${A}", "\xc3\xa9", "http://x/y", "a:b/c:d/e", "host:port/x", "h-.x/y",
	"-h/y", "a..b/y", "[::1]", "[::g]/x", "[]/x", "host:/x",
	"a@", "a@sha256", "a@sha256:", "a@sha256:0123", ("a@:" H32), ("a@sha256:" H32 "g"), ("a@1:" H32), ("@sha256:" H32),
	("a:" N64 N64 "x"), (N64 "/" N64 "/" N64 "/" N64),
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!imageref_ok(good[i]))
			fail_msg("refused: %s", good[i]);
}

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (imageref_ok(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests_name("imageref", tests, NULL, NULL);
}
