/* volumes - what names directories and their places, as cases: options, then the volumes or the complaint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "deploy/volumes.h"

#define O	"--mountable-volumes "
#define PLAIN	" in the container: must be plain: no '.', '..' or empty part, no '/' at its end"
#define START	" in the container: must start with '/' (a directory with a colon in its name is given as DIR:/code:ro)"

static const struct {
	const char *first, *second, *expected;
} cases[] = {
	{ "d", NULL, "d>/code,ro;" },
	{ "/a b/$x", "data:/mnt/data", "/a b/$x>/code,ro;data>/mnt/data;" },
	{ "d:/x:ro", "d:/y", "d>/x,ro;d>/y;" },
	{ "a:b:/code:ro", NULL, "a:b>/code,ro;" },
	{ "a:/b:/c", NULL, "a:/b>/c;" },
	{ "ro:/x", NULL, "ro>/x;" },
	{ "d:/code", NULL, "d>/code;" },
	{ "d:/tmp/x", "e:/work/y", "d>/tmp/x;e>/work/y;" },
	{ "d:/processes", "e:/a/.b..c", "d>/processes;e>/a/.b..c;" },
	{ "d:/submission", NULL, "d>/submission;" },

	{ "a", "b", O "b: /code is already the place of a" },
	{ "a", "b:/code:ro", O "b:/code:ro: /code is already the place of a" },
	{ "a:/x", "b:/x", O "b:/x: /x is already the place of a" },
	{ "", NULL, O ": a directory is missing" },
	{ ":/x", NULL, O ":/x: a directory is missing" },
	{ ":ro", NULL, O ":ro: a directory is missing" },
	{ "a:", NULL, O "a:: " START },
	{ "a:b", NULL, O "a:b: b" START },
	{ "a:ro", NULL, O "a:ro: ro" START },
	{ "a:/x:rw", NULL, O "a:/x:rw: rw" START },
	{ "a:/x:ro:ro", NULL, O "a:/x:ro:ro: ro" START },
	{ "a:/", NULL, O "a:/: / in the container: cannot be the root" },
	{ "a:/x/", NULL, O "a:/x/: /x/" PLAIN },
	{ "a://x", NULL, O "a://x: //x" PLAIN },
	{ "a:/x/../y", NULL, O "a:/x/../y: /x/../y" PLAIN },
	{ "a:/./y", NULL, O "a:/./y: /./y" PLAIN },
	{ "a:/..", NULL, O "a:/..: /.." PLAIN },
	{ "a:/tmp", NULL, O "a:/tmp: /tmp in the container: is the executor's own file system in memory" },
	{ "a:/work:ro", NULL, O "a:/work:ro: /work in the container: is the executor's own file system in memory" },
	{ "a:/proc/1", NULL, O "a:/proc/1: /proc/1 in the container: is the system's" },
	{ "a:/sys", NULL, O "a:/sys: /sys in the container: is the system's" },
	{ "a:/dev/shm", NULL, O "a:/dev/shm: /dev/shm in the container: is the system's" },
	{ "a:/x\n", NULL, O "a:/x\n: /x\n in the container: must be UTF-8 without control characters" },
	{ "a:/\xff", NULL, O "a:/\xff: /\xff in the container: must be UTF-8 without control characters" },
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct volumes v = VOLUMES_INIT;
		struct buf out = BUF_INIT;
		int r = volumes_parse(&v, cases[i].first, &out);

		if (r == 0 && cases[i].second != NULL)
			r = volumes_parse(&v, cases[i].second, &out);
		for (size_t k = 0; k < v.n && r == 0; k++)
			buf_printf(&out, "%s>%s%s;", v.item[k].source, v.item[k].target, v.item[k].read_only ? ",ro" : "");
		assert_true(r == 0 || r == -EINVAL);
		assert_string_equal(buf_str(&out), cases[i].expected);
		volumes_release(&v);
		buf_release(&out);
	}
}

static void
test_at(void **state)
{
	struct volumes v = VOLUMES_INIT;
	struct buf why = BUF_INIT;

	(void)state;
	assert_null(volumes_at(&v, "/x"));
	assert_int_equal(volumes_parse(&v, "a:/x", &why), 0);
	assert_string_equal(volumes_at(&v, "/x")->source, "a");
	assert_null(volumes_at(&v, "/x/y"));
	volumes_release(&v);
	volumes_release(&v);
	buf_release(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_at),
	};

	return cmocka_run_group_tests_name("volumes", tests, NULL, NULL);
}
