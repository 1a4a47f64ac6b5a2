/* cause - the file that counts out-of-memory kills, by samples of cgroup v1, v2, both, and containers; causes in words. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../executor/jupyter/cause.h"

#define V1_MOUNTS \
	"22 1 0:20 / / rw - ext4 /dev/root rw\n" \
	"30 22 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n" \
	"31 22 0:27 / /sys/fs/cgroup/memory rw,nosuid shared:10 - cgroup cgroup rw,memory\n"
#define V2_MOUNTS \
	"22 1 0:20 / / rw - ext4 /dev/root rw\n" \
	"35 22 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static const struct { const char *cgroup, *mounts, *path; } paths[] = {
	{ "4:memory:/a/b\n1:cpu:/\n0::/x\n", V1_MOUNTS, "/sys/fs/cgroup/memory/a/b/memory.oom_control" },
	{ "4:cpu,memory:/\n", V1_MOUNTS, "/sys/fs/cgroup/memory/memory.oom_control" },
	{ "0::/user.slice/x.scope\n", V2_MOUNTS, "/sys/fs/cgroup/user.slice/x.scope/memory.events" },
	{ "0::/", V2_MOUNTS, "/sys/fs/cgroup/memory.events" },
	/* A container of Docker with cgroup v1: the mount shows its part only. */
	{ "9:memory:/docker/f00\n", "1 2 0:1 /docker/f00 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
	    "/sys/fs/cgroup/memory/memory.oom_control" },
	{ "9:memory:/docker/f00/sub\n", "1 2 0:1 /docker/f00 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
	    "/sys/fs/cgroup/memory/sub/memory.oom_control" },
	{ "9:memory:/docker/f00sub\n", "1 2 0:1 /docker/f00 /m ro - cgroup cgroup rw,memory\n",
	    "/m/docker/f00sub/memory.oom_control" },
	{ "4:memory:/a\n", V2_MOUNTS, NULL },
	{ "3:cpu:/a\n", V1_MOUNTS, NULL },
	{ "0::/a\n", "", NULL },
	{ "", V2_MOUNTS, NULL },
	{ "::::\n:\nmemory\n", V1_MOUNTS, NULL },
	{ "0::/a\n", "35 22 0:28 / /sys/fs/cgroup rw -\n35 - cgroup2\n - \n\n", NULL },
};

static void
the_counting_file_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct buf b = BUF_INIT;
		int r = cause_oom_path(paths[i].cgroup, paths[i].mounts, &b);

		if (r != (paths[i].path ? 0 : -ENOENT) || (paths[i].path && strcmp(buf_str(&b), paths[i].path) != 0))
			fail_msg("%s: %d %s", paths[i].cgroup, r, buf_str(&b));
		buf_release(&b);
	}
}

static void
kills_are_counted_in_both_versions(void **state)
{
	(void)state;
	assert_int_equal(cause_oom_count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3);
	assert_int_equal(cause_oom_count("low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n"), 2);
	assert_int_equal(cause_oom_count("oom_kill_disable 0\nunder_oom 0\n"), -1);
	assert_int_equal(cause_oom_count("oom_kill x\n"), -1);
	assert_int_equal(cause_oom_count(""), -1);
}

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
		cmocka_unit_test(the_counting_file_is_found),
		cmocka_unit_test(kills_are_counted_in_both_versions),
		cmocka_unit_test(causes_are_named),
	};

	return cmocka_run_group_tests_name("cause", tests, NULL, NULL);
}
