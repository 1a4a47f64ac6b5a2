/* scratch - whatever a tenant leaves in its directory goes away with it, and nothing else does. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../executor/jupyter/scratch.h"

static void
touch(int at, const char *name)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static int
open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
a_directory_is_private_and_its_own(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	assert_int_equal(scratch_make("/tmp", "sc", &b), 0);
	assert_string_not_equal(buf_str(&a), buf_str(&b));
	assert_int_equal(stat(buf_str(&a), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	assert_int_equal(scratch_remove(buf_str(&b)), 0);
	assert_int_equal(scratch_remove(buf_str(&b)), 0);
	assert_int_equal(scratch_make("/tmp/no/such", "sc", &a), -ENOENT);
	buf_release(&a);
	buf_release(&b);
}

/* Deeper than a path may be long, with files on the way. */
static void
a_deep_tree_is_removed(void **state)
{
	char name[] = "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
	struct buf a = BUF_INIT;
	int fd, next;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	fd = open_dir(buf_str(&a));
	for (int i = 0; i < 300; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		touch(fd, "file");
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	assert_int_equal(access(buf_str(&a), F_OK), -1);
	buf_release(&a);
}

static void
a_wide_tree_is_removed(void **state)
{
	struct buf a = BUF_INIT;
	char name[40];
	int fd;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	fd = open_dir(buf_str(&a));
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "%d", i);
		touch(fd, name);
		snprintf(name, sizeof name, "d%d", i);
		assert_int_equal(mkdirat(fd, name, 0700), 0);
		snprintf(name, sizeof name, "d%d/.r%d", i, i);
		assert_int_equal(mkdirat(fd, name, 0700), 0);
	}
	close(fd);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	buf_release(&a);
}

static void
symbolic_links_are_removed_not_followed(void **state)
{
	struct buf a = BUF_INIT, out = BUF_INIT, b = BUF_INIT;
	int fd;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	assert_int_equal(scratch_make("/tmp", "sc", &out), 0);
	fd = open_dir(buf_str(&out));
	touch(fd, "kept");
	close(fd);
	buf_printf(&b, "%s/link", buf_str(&a));
	assert_int_equal(symlink(buf_str(&out), buf_str(&b)), 0);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	buf_reset(&b);
	buf_printf(&b, "%s/kept", buf_str(&out));
	assert_int_equal(access(buf_str(&b), F_OK), 0);
	assert_int_equal(scratch_remove(buf_str(&out)), 0);
	buf_release(&a);
	buf_release(&b);
	buf_release(&out);
}

static void
directories_closed_by_their_modes_are_removed(void **state)
{
	struct buf a = BUF_INIT;
	int fd;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	fd = open_dir(buf_str(&a));
	assert_int_equal(mkdirat(fd, "x", 0700), 0);
	assert_int_equal(mkdirat(fd, "x/y", 0700), 0);
	touch(fd, "x/y/z");
	assert_int_equal(fchmodat(fd, "x/y", 0, 0), 0);
	assert_int_equal(fchmodat(fd, "x", 0, 0), 0);
	fchmod(fd, 0);
	close(fd);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	buf_release(&a);
}

/* Directories that have the names which removal might give to others, each with more below. */
static void
names_chosen_to_be_in_the_way_are_not(void **state)
{
	struct buf a = BUF_INIT;
	char name[64];
	int fd;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	fd = open_dir(buf_str(&a));
	for (int i = 1; i <= 200; i++) {
		snprintf(name, sizeof name, ".r%d", i);
		assert_int_equal(mkdirat(fd, name, 0700), 0);
		snprintf(name, sizeof name, ".r%d/x", i);
		assert_int_equal(mkdirat(fd, name, 0700), 0);
		snprintf(name, sizeof name, ".r%d/x/y", i);
		assert_int_equal(mkdirat(fd, name, 0700), 0);
	}
	close(fd);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	buf_release(&a);
}

/* In a mount namespace of its own: dir/on/way/mount shows dir/real.  99: this machine gives none. */
static int
empty_with_a_mount(const char *dir)
{
	struct buf from = BUF_INIT, at = BUF_INIT;
	int r;

	if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 99;
	buf_printf(&from, "%s/../real", dir);
	buf_printf(&at, "%s/on/the way/mount", dir);
	if (mount(buf_str(&from), buf_str(&at), NULL, MS_BIND, NULL) < 0)
		return 99;
	r = scratch_empty(dir, NULL);
	buf_release(&from);
	buf_release(&at);
	return r == 0 ? 0 : 1;
}

static void
what_is_mounted_below_is_left_and_the_way_to_it(void **state)
{
	struct buf a = BUF_INIT, dir = BUF_INIT;
	int fd, status;
	pid_t pid;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	buf_printf(&dir, "%s/dir", buf_str(&a));
	fd = open_dir(buf_str(&a));
	assert_int_equal(mkdirat(fd, "real", 0700), 0);
	touch(fd, "real/precious");
	assert_int_equal(mkdirat(fd, "dir", 0700), 0);
	assert_int_equal(mkdirat(fd, "dir/on", 0700), 0);
	assert_int_equal(mkdirat(fd, "dir/on/the way", 0700), 0);
	assert_int_equal(mkdirat(fd, "dir/on/the way/mount", 0700), 0);
	assert_int_equal(mkdirat(fd, "dir/on/gone", 0700), 0);
	touch(fd, "dir/on/gone/file");
	touch(fd, "dir/on/the way/file");
	touch(fd, "dir/file");
	pid = fork();
	if (pid == 0)
		_exit(empty_with_a_mount(buf_str(&dir)));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) != 99) {
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_int_equal(faccessat(fd, "real/precious", F_OK, 0), 0);
		assert_int_equal(faccessat(fd, "dir/on/the way/mount", F_OK, 0), 0);
		assert_int_equal(faccessat(fd, "dir/on/the way/file", F_OK, 0), -1);
		assert_int_equal(faccessat(fd, "dir/on/gone", F_OK, 0), -1);
		assert_int_equal(faccessat(fd, "dir/file", F_OK, 0), -1);
	}
	close(fd);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	buf_release(&a);
	buf_release(&dir);
	if (WEXITSTATUS(status) == 99)
		skip();
}

static void
a_directory_is_emptied_but_for_what_is_spared(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT, c = BUF_INIT;
	int fd;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	fd = open_dir(buf_str(&a));
	assert_int_equal(mkdirat(fd, "kept", 0700), 0);
	touch(fd, "kept/file");
	assert_int_equal(mkdirat(fd, "with", 0700), 0);
	assert_int_equal(mkdirat(fd, "with/kept", 0700), 0);
	touch(fd, "with/kept/file");
	touch(fd, "with/file");
	assert_int_equal(mkdirat(fd, "gone", 0700), 0);
	touch(fd, "gone/file");
	touch(fd, "file");
	buf_printf(&b, "%s/kept", buf_str(&a));
	buf_printf(&c, "%s/with/kept", buf_str(&a));
	assert_int_equal(scratch_empty(buf_str(&a), (const char *[]){ buf_str(&b), buf_str(&c), NULL }), 0);
	assert_int_equal(faccessat(fd, "kept/file", F_OK, 0), 0);
	assert_int_equal(faccessat(fd, "with/kept/file", F_OK, 0), 0);
	assert_int_equal(faccessat(fd, "with/file", F_OK, 0), -1);
	assert_int_equal(faccessat(fd, "gone", F_OK, 0), -1);
	assert_int_equal(faccessat(fd, "file", F_OK, 0), -1);
	close(fd);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	assert_int_equal(scratch_empty(buf_str(&a), NULL), -ENOENT);
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
}

static void
a_directory_is_restored_whatever_became_of_it(void **state)
{
	struct buf a = BUF_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	assert_int_equal(rmdir(buf_str(&a)), 0);
	assert_int_equal(scratch_restore(buf_str(&a)), 0);
	assert_int_equal(chmod(buf_str(&a), 0), 0);
	assert_int_equal(scratch_restore(buf_str(&a)), 0);
	assert_int_equal(lstat(buf_str(&a), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rmdir(buf_str(&a)), 0);
	assert_int_equal(symlink("/", buf_str(&a)), 0);
	assert_int_equal(scratch_restore(buf_str(&a)), 0);
	assert_int_equal(lstat(buf_str(&a), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	assert_int_equal(scratch_restore("/tmp/no/such"), -ENOENT);
	buf_release(&a);
}

static void
a_tree_is_removed_a_part_at_a_time(void **state)
{
	struct buf a = BUF_INIT;
	char name[32];
	int fd, r, calls = 0;

	(void)state;
	assert_int_equal(scratch_make("/tmp", "sc", &a), 0);
	fd = open_dir(buf_str(&a));
	assert_int_equal(mkdirat(fd, "outside", 0700), 0);
	touch(fd, "outside/file");
	assert_int_equal(mkdirat(fd, "tree", 0700), 0);
	assert_int_equal(mkdirat(fd, "tree/sub", 0700), 0);
	assert_int_equal(symlinkat("../outside", fd, "tree/link"), 0);
	assert_int_equal(symlinkat("outside", fd, "link"), 0);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "tree/sub/%d", i);
		touch(fd, name);
	}
	while ((r = scratch_remove_at(fd, "tree", 10)) == -EAGAIN)
		assert_true(calls++ < 10);
	assert_int_equal(r, 0);
	assert_true(calls >= 5);
	assert_int_equal(faccessat(fd, "tree", F_OK, 0), -1);
	assert_true(scratch_remove_at(fd, "link", 10) < 0);
	assert_int_equal(faccessat(fd, "outside/file", F_OK, 0), 0);
	assert_int_equal(scratch_remove_at(fd, "tree", 10), 0);
	close(fd);
	assert_int_equal(scratch_remove(buf_str(&a)), 0);
	buf_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_private_and_its_own),
		cmocka_unit_test(a_deep_tree_is_removed),
		cmocka_unit_test(a_wide_tree_is_removed),
		cmocka_unit_test(symbolic_links_are_removed_not_followed),
		cmocka_unit_test(directories_closed_by_their_modes_are_removed),
		cmocka_unit_test(names_chosen_to_be_in_the_way_are_not),
		cmocka_unit_test(what_is_mounted_below_is_left_and_the_way_to_it),
		cmocka_unit_test(a_directory_is_emptied_but_for_what_is_spared),
		cmocka_unit_test(a_directory_is_restored_whatever_became_of_it),
		cmocka_unit_test(a_tree_is_removed_a_part_at_a_time),
	};

	return cmocka_run_group_tests_name("scratch", tests, NULL, NULL);
}
