/* quantity - sizes and numbers of processors: a text, then what it stands for or what is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/quantity.h"

#define SIZE "must be a size such as 256M, 1.5g or 2GB"
#define CPUS "must be a number of processors such as 0.5 or 2"

static void
test_sizes(void **state)
{
	static const struct { const char *text; int64_t bytes; const char *wrong; } cases[] = {
		{ "6291456", 6291456, NULL }, { "256M", 256 << 20, NULL }, { "1.5g", 1610612736, NULL },
		{ "2GB", 2147483648, NULL }, { "8192KiB", 8 << 20, NULL }, { "1024t", 1LL << 50, NULL },
		{ "", 0, SIZE }, { "1x", 0, SIZE }, { "-1", 0, SIZE }, { "nan", 0, SIZE }, { "1e9", 0, SIZE }, { " 1g", 0, SIZE },
		{ "0", 0, "must be 6M to 1024T" }, { "6291455", 0, "must be 6M to 1024T" },
		{ "99999999999999999999999999999999g", 0, "must be 6M to 1024T" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t bytes = 0;
		const char *wrong = quantity_bytes(cases[i].text, &bytes);

		if (cases[i].wrong)
			assert_string_equal(wrong, cases[i].wrong);
		else
			assert_null(wrong);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void
test_processors(void **state)
{
	double cpus = 0;

	(void)state;
	assert_null(quantity_cpus("0.25", &cpus));
	assert_true(cpus == 0.25);
	assert_null(quantity_cpus("1024", &cpus));
	assert_true(cpus == 1024);
	assert_string_equal(quantity_cpus("nan", &cpus), CPUS);
	assert_string_equal(quantity_cpus("-1", &cpus), CPUS);
	assert_string_equal(quantity_cpus("2c", &cpus), CPUS);
	assert_string_equal(quantity_cpus("0", &cpus), "must be 0.01 to 1024");
	assert_true(cpus == 1024);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_processors),
	};

	return cmocka_run_group_tests_name("quantity", tests, NULL, NULL);
}
