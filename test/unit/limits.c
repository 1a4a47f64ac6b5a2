/* limits - what variables make of an executor's limits: a list, then "memory cpus reservation" or the complaint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "deploy/limits.h"

#define SIZE "must be a size such as 256M, 1.5g or 2GB"
#define CPUS "must be a number of processors such as 0.5 or 2"

static const struct {
	const char *text, *expected;
} cases[] = {
	{ "A=1", "256M 0.25 -" },
	{ "MEM_LIMIT=1.5g,CPUS=2", "1.5g 2 -" },
	{ "MEM_LIMIT=2G", "2G 0.25 -" },
	{ "MEM_LIMIT=1gb,MEM_RESERVATION=1024M", "1gb 0.25 1024M" },
	{ "MEM_LIMIT=1GiB,MEM_RESERVATION=1073741824", "1GiB 0.25 1073741824" },
	{ "MEM_LIMIT=6291456b", "6291456b 0.25 -" },
	{ "MEM_LIMIT=6m", "6m 0.25 -" },
	{ "MEM_LIMIT=1024T", "1024T 0.25 -" },
	{ "CPUS=0.01", "256M 0.01 -" },
	{ "CPUS=1024", "256M 1024 -" },
	{ "MEM_RESERVATION=256M", "256M 0.25 256M" },

	{ "MEM_LIMIT=", "--env MEM_LIMIT=: " SIZE },
	{ "MEM_LIMIT=x", "--env MEM_LIMIT=x: " SIZE },
	{ "MEM_LIMIT=1e9", "--env MEM_LIMIT=1e9: " SIZE },
	{ "MEM_LIMIT=0x10M", "--env MEM_LIMIT=0x10M: " SIZE },
	{ "MEM_LIMIT=-256M", "--env MEM_LIMIT=-256M: " SIZE },
	{ "MEM_LIMIT=.5g", "--env MEM_LIMIT=.5g: " SIZE },
	{ "MEM_LIMIT=1.g", "--env MEM_LIMIT=1.g: " SIZE },
	{ "MEM_LIMIT=1 g", "--env MEM_LIMIT=1 g: " SIZE },
	{ "MEM_LIMIT=1gx", "--env MEM_LIMIT=1gx: " SIZE },
	{ "MEM_LIMIT=1gibb", "--env MEM_LIMIT=1gibb: " SIZE },
	{ "MEM_LIMIT=1i", "--env MEM_LIMIT=1i: " SIZE },
	{ "MEM_LIMIT=inf", "--env MEM_LIMIT=inf: " SIZE },
	{ "MEM_LIMIT=0", "--env MEM_LIMIT=0: must be 6M to 1024T" },
	{ "MEM_LIMIT=256", "--env MEM_LIMIT=256: must be 6M to 1024T" },
	{ "MEM_LIMIT=1025T", "--env MEM_LIMIT=1025T: must be 6M to 1024T" },
	{ "CPUS=", "--env CPUS=: " CPUS },
	{ "CPUS=1e3", "--env CPUS=1e3: " CPUS },
	{ "CPUS=-1", "--env CPUS=-1: " CPUS },
	{ "CPUS=nan", "--env CPUS=nan: " CPUS },
	{ "CPUS=2 ", "--env CPUS=2 : " CPUS },
	{ "CPUS=0", "--env CPUS=0: must be 0.01 to 1024" },
	{ "CPUS=0.001", "--env CPUS=0.001: must be 0.01 to 1024" },
	{ "CPUS=1025", "--env CPUS=1025: must be 0.01 to 1024" },
	{ "MEM_RESERVATION=257M", "--env MEM_RESERVATION=257M: is above MEM_LIMIT" },
	{ "MEM_LIMIT=1g,MEM_RESERVATION=1.01g", "--env MEM_RESERVATION=1.01g: is above MEM_LIMIT" },
	{ "MEM_RESERVATION=?", "--env MEM_RESERVATION=?: " SIZE },
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct limits l = LIMITS_INIT;
		struct env e = ENV_INIT;
		struct buf out = BUF_INIT;
		int r;

		assert_int_equal(env_parse_list(&e, cases[i].text, &out), 0);
		if ((r = limits_take(&e, &l, &out)) == 0)
			buf_printf(&out, "%s %s %s", l.memory, l.cpus, l.reservation != NULL ? l.reservation : "-");
		else
			assert_int_equal(r, -EINVAL);
		assert_string_equal(buf_str(&out), cases[i].expected);
		env_release(&e);
		buf_release(&out);
	}
}

static void
test_a_file_is_at_fault(void **state)
{
	static const char text[] = "# more\nCPUS=many\n";
	struct limits l = LIMITS_INIT;
	struct env e = ENV_INIT;
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(env_parse_file(&e, "f.env", text, strlen(text), &why), 0);
	assert_int_equal(limits_take(&e, &l, &why), -EBADMSG);
	assert_string_equal(buf_str(&why), "f.env:2: CPUS=many: " CPUS);
	env_release(&e);
	buf_release(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_a_file_is_at_fault),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
