/* range - which part of a file a Range field means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/range.h"

static const struct {
	const char	*value;
	int64_t		 size;
	enum range_kind	 kind;
	int64_t		 first, len;
} cases[] = {
	{ "bytes=0-0", 10, RANGE_PART, 0, 1 },
	{ "bytes=2-5", 10, RANGE_PART, 2, 4 },
	{ "BYTES=2-5", 10, RANGE_PART, 2, 4 },
	{ "bytes=0-", 10, RANGE_PART, 0, 10 },
	{ "bytes=9-", 10, RANGE_PART, 9, 1 },
	{ "bytes=9-100", 10, RANGE_PART, 9, 1 },
	{ "bytes=5-99999999999999999999999999", 10, RANGE_PART, 5, 5 },
	{ "bytes=-3", 10, RANGE_PART, 7, 3 },
	{ "bytes=-10", 10, RANGE_PART, 0, 10 },
	{ "bytes=-99999999999999999999999999", 10, RANGE_PART, 0, 10 },
	{ "bytes=1-9223372036854775807", INT64_MAX, RANGE_PART, 1, INT64_MAX - 1 },

	{ "bytes=10-", 10, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=10-12", 10, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=-0", 10, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=0-", 0, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=99999999999999999999999999-", 10, RANGE_OUTSIDE, 0, 0 },
	{ "bytes=-5", 0, RANGE_WHOLE, 0, 0 },

	{ "", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=-", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=5", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=5-2", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=a-b", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=+1-2", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=--2", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=1-2-3", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=1-2,4-5", 10, RANGE_WHOLE, 0, 0 },
	{ "bytes=1- ", 10, RANGE_WHOLE, 0, 0 },
	{ "lines=1-2", 10, RANGE_WHOLE, 0, 0 },
};

static void
ranges(void **state)
{
	int64_t first, len;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		first = len = 0;
		if (range_parse(cases[i].value, cases[i].size, &first, &len) != cases[i].kind ||
		    first != cases[i].first || len != cases[i].len)
			fail_msg("%s of %lld", cases[i].value, (long long)cases[i].size);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
	};

	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
