/* cause - causes of death in words. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/cause.h"

static void
causes_are_named(void **state)
{
	static const struct { int status; bool oom; const char *text; } cases[] = {
		{ SIGSEGV, false, "The kernel was killed by signal 11 (SIGSEGV)" },
		{ SIGKILL, false, "The kernel was killed by signal 9 (SIGKILL)" },
		{ SIGKILL, true, "The kernel ran out of memory and was killed by the system" },
		{ 3 << 8, false, "The kernel exited with status 3" },
		{ 0, false, "The kernel exited with status 0" },
		{ 63, false, "The kernel was killed by signal 63" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = BUF_INIT;

		cause_format(cases[i].status, cases[i].oom, &b);
		assert_string_equal(buf_str(&b), cases[i].text);
		buf_release(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(causes_are_named),
	};

	return cmocka_run_group_tests_name("cause", tests, NULL, NULL);
}
