/* rundir - the run directory: removed without following links, sockets adopted only where they are sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "local/rundir.h"

static char dir[RUNDIR_MAX];

static const char *
path(const char *name)
{
	static char p[4][512];
	static unsigned next;
	char *out = p[next++ % 4];

	snprintf(out, sizeof p[0], "%s/%s", dir, name);
	return out;
}

static bool
exists(const char *p)
{
	struct stat st;

	return lstat(p, &st) == 0;
}

static int
setup(void **state)
{
	(void)state;
	return rundir_choose(dir) < 0 || rundir_make(dir) < 0;
}

static int
teardown(void **state)
{
	(void)state;
	return rundir_remove(dir) < 0 || exists(dir);
}

static void
make_socket(const char *p)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", p);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	close(fd);
}

static void
test_is_private_and_new(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rundir_make(dir), -EEXIST);
}

static void
test_long_base_is_not_used(void **state)
{
	char base[200] = "/tmp/", chosen[RUNDIR_MAX];
	char *before = getenv("XDG_RUNTIME_DIR");

	(void)state;
	before = before ? strdup(before) : NULL;
	memset(base + 5, 'x', 150);
	mkdir(base, 0700);
	setenv("XDG_RUNTIME_DIR", base, 1);
	assert_int_equal(rundir_choose(chosen), 0);
	assert_memory_equal(chosen, "/tmp/execmgr-", 13);
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	assert_int_equal(rundir_choose(chosen), 0);
	assert_memory_equal(chosen, "/tmp/execmgr-", 13);
	rmdir(base);
	if (before)
		setenv("XDG_RUNTIME_DIR", before, 1);
	else
		unsetenv("XDG_RUNTIME_DIR");
	free(before);
}

static void
test_removal_follows_no_link(void **state)
{
	char outside[RUNDIR_MAX], kept[512];

	(void)state;
	assert_int_equal(rundir_choose(outside), 0);
	assert_int_equal(rundir_make(outside), 0);
	snprintf(kept, sizeof kept, "%s/kept", outside);
	assert_int_equal(rundir_write(kept, "x", 1, 0600), 0);
	assert_int_equal(mkdir(path("a"), 0700), 0);
	assert_int_equal(mkdir(path("a/b"), 0700), 0);
	assert_int_equal(symlink(outside, path("a/b/link")), 0);
	assert_int_equal(rundir_write(path("a/file"), "x", 1, 0), 0);
	assert_int_equal(chmod(path("a/b"), 0), 0);		/* its owner took the right to look away */
	assert_int_equal(rundir_remove(path("a")), 0);
	assert_false(exists(path("a")));
	assert_true(exists(kept));
	assert_int_equal(rundir_remove(outside), 0);
	assert_int_equal(rundir_remove(outside), 0);		/* nothing there: nothing to do */
}

static void
test_file_is_never_overwritten(void **state)
{
	(void)state;
	assert_int_equal(symlink("/dev/null", path("config")), 0);
	assert_int_equal(rundir_write(path("config"), "x", 1, 0600), -EEXIST);
}

static void
test_socket_is_adopted(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(rundir_open_socket(dir, (uid_t)-1), 0);
	assert_int_equal(rundir_adopt_socket(dir), -EAGAIN);
	make_socket(path("in/sock"));
	assert_int_equal(rundir_adopt_socket(dir), 0);
	assert_false(exists(path("in")));
	assert_int_equal(lstat(path("sock"), &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(rundir_open_socket(dir, (uid_t)-1), 0);	/* the next start: no trace of the former */
	assert_false(exists(path("sock")));
	assert_int_equal(rundir_adopt_socket(dir), -EAGAIN);
}

/* A cell that makes a link where the socket should be must not lead the manager anywhere. */
static void
test_link_is_not_adopted(void **state)
{
	(void)state;
	assert_int_equal(rundir_open_socket(dir, (uid_t)-1), 0);
	make_socket(path("other"));
	assert_int_equal(symlink(path("other"), path("in/sock")), 0);
	assert_int_equal(rundir_adopt_socket(dir), -ENOTSOCK);
	assert_false(exists(path("sock")));
}

static void
test_directory_with_more_is_refused(void **state)
{
	(void)state;
	assert_int_equal(rundir_open_socket(dir, (uid_t)-1), 0);
	make_socket(path("in/sock"));
	assert_int_equal(rundir_write(path("in/more"), "x", 1, 0600), 0);
	assert_int_equal(rundir_adopt_socket(dir), -ENOTEMPTY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_is_private_and_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_base_is_not_used, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removal_follows_no_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_is_never_overwritten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_socket_is_adopted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_is_not_adopted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory_with_more_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
