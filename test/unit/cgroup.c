/* cgroup - the directory of a control group, by samples of v1, v2, both, and containers; what its files count. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cgroup.h"

#define V1_MOUNTS \
	"22 1 0:20 / / rw - ext4 /dev/root rw\n" \
	"30 22 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n" \
	"31 22 0:27 / /sys/fs/cgroup/memory rw,nosuid shared:10 - cgroup cgroup rw,memory\n"
#define V2_MOUNTS \
	"22 1 0:20 / / rw - ext4 /dev/root rw\n" \
	"35 22 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

/* Of the memory controller; "v2:" before those of v2. */
static const struct { const char *cgroup, *mounts, *path; } paths[] = {
	{ "4:memory:/a/b\n1:cpu:/\n0::/x\n", V1_MOUNTS, "/sys/fs/cgroup/memory/a/b" },
	{ "4:cpu,memory:/\n", V1_MOUNTS, "/sys/fs/cgroup/memory" },
	{ "0::/user.slice/x.scope\n", V2_MOUNTS, "v2:/sys/fs/cgroup/user.slice/x.scope" },
	{ "0::/", V2_MOUNTS, "v2:/sys/fs/cgroup" },
	/* A container of Docker with cgroup v1: the mount shows its part only. */
	{ "9:memory:/docker/f00\n", "1 2 0:1 /docker/f00 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
	    "/sys/fs/cgroup/memory" },
	{ "9:memory:/docker/f00/sub\n", "1 2 0:1 /docker/f00 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
	    "/sys/fs/cgroup/memory/sub" },
	{ "9:memory:/docker/f00sub\n", "1 2 0:1 /docker/f00 /m ro - cgroup cgroup rw,memory\n",
	    "/m/docker/f00sub" },
	{ "4:memory:/a\n", V2_MOUNTS, NULL },
	{ "3:cpu:/a\n", V1_MOUNTS, NULL },
	{ "0::/a\n", "", NULL },
	{ "", V2_MOUNTS, NULL },
	{ "::::\n:\nmemory\n", V1_MOUNTS, NULL },
	{ "0::/a\n", "35 22 0:28 / /sys/fs/cgroup rw -\n35 - cgroup2\n - \n\n", NULL },
};

static void
the_directory_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct buf b = BUF_INIT, text = BUF_INIT;
		bool unified = false;
		int r = cgroup_dir(paths[i].cgroup, paths[i].mounts, "memory", &unified, &b);

		buf_printf(&text, "%s%s", unified ? "v2:" : "", buf_str(&b));
		if (r != (paths[i].path ? 0 : -ENOENT) || (paths[i].path && strcmp(buf_str(&text), paths[i].path) != 0))
			fail_msg("%s: %d %s", paths[i].cgroup, r, buf_str(&text));
		buf_release(&b);
		buf_release(&text);
	}
}

static void
kills_are_counted_in_both_versions(void **state)
{
	(void)state;
	assert_int_equal(cgroup_count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", CGROUP_OOM_KEY), 3);
	assert_int_equal(cgroup_count("low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n", CGROUP_OOM_KEY), 2);
	assert_int_equal(cgroup_count("oom_kill_disable 0\nunder_oom 0\n", CGROUP_OOM_KEY), -1);
	assert_int_equal(cgroup_count("oom_kill x\n", CGROUP_OOM_KEY), -1);
	assert_int_equal(cgroup_count("", CGROUP_OOM_KEY), -1);
	assert_int_equal(cgroup_count("max 4\n", "max"), 4);		/* pids.events */
}

static void
each_controller_has_its_place(void **state)
{
	static const char cgroup[] = "9:pids:/a\n4:memory:/b\n1:cpu,cpuacct:/c\n0::/d\n";
	static const char mounts[] = V1_MOUNTS "36 22 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	    "37 22 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
	static const struct { const char *controller, *dir; bool unified; } cases[] = {
		{ "pids", "/sys/fs/cgroup/pids/a", false }, { "memory", "/sys/fs/cgroup/memory/b", false },
		{ "cpu", "/sys/fs/cgroup/cpu,cpuacct/c", false }, { "io", "/sys/fs/cgroup/unified/d", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = BUF_INIT;
		bool unified;

		assert_int_equal(cgroup_dir(cgroup, mounts, cases[i].controller, &unified, &b), 0);
		assert_string_equal(buf_str(&b), cases[i].dir);
		assert_int_equal(unified, cases[i].unified);
		buf_release(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_directory_is_found),
		cmocka_unit_test(each_controller_has_its_place),
		cmocka_unit_test(kills_are_counted_in_both_versions),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
