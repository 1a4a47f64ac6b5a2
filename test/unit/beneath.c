/*
 * beneath, upload, listing - paths of a client in a directory whose owner is hostile.  What must hold with openat2 must hold without
 * it too: there the same tests run in a child to which seccomp denies it, as an old container engine does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../executor/jupyter/beneath.h"
#include "../../executor/jupyter/listing.h"
#include "../../executor/jupyter/scratch.h"
#include "../../executor/jupyter/upload.h"

#define ROUNDS 3000

/* ---- a directory, and what is beside it ---- */

struct place {
	struct buf	 path;		/* of all */
	int		 top, dir;	/* all; the directory in question, "dir" of it */
};

static void
put_file(int at, const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void
place_make(struct place *p)
{
	*p = (struct place){ .path = BUF_INIT };
	assert_int_equal(scratch_make("/tmp", "bn", &p->path), 0);
	p->top = open(buf_str(&p->path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->top >= 0);
	assert_int_equal(mkdirat(p->top, "dir", 0755), 0);
	assert_int_equal(mkdirat(p->top, "dir/sub", 0755), 0);
	assert_int_equal(mkdirat(p->top, "beside", 0755), 0);
	put_file(p->top, "beside/secret", "secret");
	put_file(p->top, "dir/file", "file");
	put_file(p->top, "dir/sub/file", "deeper");
	p->dir = openat(p->top, "dir", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->dir >= 0);
}

static void
place_remove(struct place *p)
{
	close(p->dir);
	close(p->top);
	assert_int_equal(scratch_remove(buf_str(&p->path)), 0);
	buf_release(&p->path);
}

static int
opened(int dir, const char *path)
{
	int fd = beneath_open(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static int
has_parent(int dir, const char *path, bool make)
{
	const char *name;
	int fd = beneath_parent(dir, path, make, &name);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static bool
has(int at, const char *name, const char *text)
{
	char got[64] = "";
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof got - 1);

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) && strcmp(got, text) == 0;
}

static int
upload(int dir, const char *path, const char *text, bool *ret_is_new)
{
	struct upload u = UPLOAD_INIT;
	int r = upload_begin(&u, dir, path);

	if (r == 0)
		r = upload_write(&u, text, strlen(text));
	if (r == 0)
		r = upload_finish(&u, path, ret_is_new);
	upload_drop(&u);
	return r;
}

/* ---- without openat2 ---- */

static bool denied;		/* in this process, by deny() */

static int
deny(int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof code / sizeof *code, code };

	denied = true;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0 ? -errno : 0;
}

/* Once as it is, once for each way in which it can be missing. */
static void
each_way(void (*test)(struct place *p))
{
	static const int errs[] = { 0, ENOSYS, EPERM };
	struct place p;
	int status;
	pid_t pid;

	for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
		place_make(&p);
		if (errs[i] == 0)
			test(&p);
		else {
			fflush(NULL);
			pid = fork();
			if (pid == 0) {
				if (deny(errs[i]) < 0)
					_exit(99);
				test(&p);
				_exit(0);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 99))
				fail_msg("without openat2 (error %d): status %d", errs[i], status);
		}
		place_remove(&p);
	}
}

#define EACH_WAY(name) static void name(void **state) { (void)state; each_way(name##_at); }

/* ---- paths ---- */

static const struct {
	const char	*text, *path;	/* NULL: refused … */
	bool		 is_dir;
	const char	*why;		/* … with these words in the sentence */
} paths[] = {
	{ "", "", true, NULL },
	{ "a", "a", false, NULL },
	{ "a/b.csv", "a/b.csv", false, NULL },
	{ "a/", "a", true, NULL },
	{ "a%2Fb", "a/b", false, NULL },
	{ "caf%C3%A9%20%25+%ff", "caf\xc3\xa9 %+\xff", false, NULL },
	{ "..a/b..", "..a/b..", false, NULL },
	{ "...", "...", false, NULL },

	{ "/", NULL, false, "empty" },
	{ "/etc/passwd", NULL, false, "empty" },
	{ "a//b", NULL, false, "empty" },
	{ "a//", NULL, false, "empty" },
	{ "%2Fetc", NULL, false, "empty" },
	{ ".", NULL, false, ".." },
	{ "..", NULL, false, ".." },
	{ "../x", NULL, false, ".." },
	{ "a/../b", NULL, false, ".." },
	{ "a/..", NULL, false, ".." },
	{ "a/../", NULL, false, ".." },
	{ "a/./b", NULL, false, ".." },
	{ "%2e%2E/x", NULL, false, ".." },
	{ "a%2f..%2fb", NULL, false, ".." },
	{ "a%00b", NULL, false, "%00" },
	{ "%", NULL, false, "escape" },
	{ "%4", NULL, false, "escape" },
	{ "%zz", NULL, false, "escape" },
};

static void
paths_are_checked(void **state)
{
	struct buf b = BUF_INIT, text = BUF_INIT;
	const char *why;
	bool is_dir;
	int r;

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		r = beneath_parse(paths[i].text, strlen(paths[i].text), &b, &is_dir, &why);
		if (paths[i].path ? r != 0 || strcmp(buf_str(&b), paths[i].path) != 0 || is_dir != paths[i].is_dir
		    : r != -EINVAL || !strstr(why, paths[i].why))
			fail_msg("\"%s\": %d", paths[i].text, r);
	}
	for (int i = 0; i < 256; i++)
		buf_putc(&text, 'n');
	assert_int_equal(beneath_parse(text.data, 255, &b, &is_dir, &why), 0);
	assert_int_equal(beneath_parse(text.data, 256, &b, &is_dir, &why), -EINVAL);
	buf_reset(&text);
	while (text.len < BENEATH_PATH_MAX)
		buf_puts(&text, "n/");
	assert_int_equal(beneath_parse(text.data, BENEATH_PATH_MAX, &b, &is_dir, &why), 0);
	assert_int_equal(beneath_parse(text.data, text.len, &b, &is_dir, &why), 0);
	buf_puts(&text, "n");
	assert_int_equal(beneath_parse(text.data, text.len, &b, &is_dir, &why), -EINVAL);
	buf_release(&b);
	buf_release(&text);
}

static void
what_is_there_is_opened_at(struct place *p)
{
	assert_int_equal(opened(p->dir, ""), 0);
	assert_int_equal(opened(p->dir, "file"), 0);
	assert_int_equal(opened(p->dir, "sub"), 0);
	assert_int_equal(opened(p->dir, "sub/file"), 0);
	assert_int_equal(opened(p->dir, "none"), -ENOENT);
	assert_int_equal(opened(p->dir, "none/file"), -ENOENT);
	assert_int_equal(opened(p->dir, "file/none"), -ENOTDIR);
	assert_int_equal(beneath_open(p->dir, "file", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(has_parent(p->dir, "file", false), 0);
	assert_int_equal(has_parent(p->dir, "sub/none", false), 0);
	assert_int_equal(has_parent(p->dir, "none/x", false), -ENOENT);
	assert_int_equal(has_parent(p->dir, "file/x", true), -ENOTDIR);
	assert_int_equal(has_parent(p->dir, "one/two/three/x", true), 0);
	assert_int_equal(opened(p->dir, "one/two/three"), 0);
}
EACH_WAY(what_is_there_is_opened)

static void
nothing_leads_out_at(struct place *p)
{
	static const struct { const char *to, *name; } links[] = {
		{ "..", "up" }, { "../beside", "beside" }, { "/", "root" }, { "/etc", "etc" }, { "sub/../../beside", "winding" },
		{ "../dir", "round" }, { "/proc/self/cwd", "cwd" }, { "../beside/secret", "secret" }, { "up", "again" },
	};
	char path[64];
	bool is_new;
	int r;

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		assert_int_equal(symlinkat(links[i].to, p->dir, links[i].name), 0);
		for (int k = 0; k < 3; k++) {
			snprintf(path, sizeof path, "%s%s", links[i].name, (const char *[]){ "", "/secret", "/new/file" }[k]);
			r = opened(p->dir, path);
			if (r != -EXDEV && r != -ELOOP)
				fail_msg("%s: %d", path, r);
			if (k > 0 && (r = has_parent(p->dir, path, true)) != -EXDEV && r != -ELOOP)
				fail_msg("parent of %s: %d", path, r);
			if (k > 0 && (r = upload(p->dir, path, "x", &is_new)) != -EXDEV && r != -ELOOP)
				fail_msg("upload to %s: %d", path, r);
		}
	}
	assert_int_equal(faccessat(p->top, "beside/new", F_OK, 0), -1);
	assert_true(has(p->top, "beside/secret", "secret"));
	assert_int_equal(symlinkat("loop", p->dir, "loop"), 0);
	assert_int_equal(opened(p->dir, "loop"), -ELOOP);
	assert_int_equal(opened(p->dir, "../beside/secret"), -EXDEV);
	assert_int_equal(opened(p->dir, "sub/../../beside/secret"), -EXDEV);
}
EACH_WAY(nothing_leads_out)

static void
links_that_stay_below_are_followed_at(struct place *p)
{
	assert_int_equal(symlinkat("sub", p->dir, "link"), 0);
	assert_int_equal(symlinkat("../file", p->dir, "sub/back"), 0);
	assert_int_equal(mkdirat(p->dir, "sub/in", 0755), 0);
	assert_int_equal(symlinkat("../../link", p->dir, "sub/in/link"), 0);
	assert_int_equal(opened(p->dir, "link/file"), denied ? -ELOOP : 0);
	assert_int_equal(opened(p->dir, "link/back"), denied ? -ELOOP : 0);
	assert_int_equal(has_parent(p->dir, "sub/in/link/new/x", true), denied ? -ELOOP : 0);
	assert_int_equal(opened(p->dir, "sub/new"), denied ? -ENOENT : 0);
}
EACH_WAY(links_that_stay_below_are_followed)

static void
pipes_and_sockets_do_not_block_at(struct place *p)
{
	assert_int_equal(mkfifoat(p->dir, "pipe", 0644), 0);
	assert_int_equal(opened(p->dir, "pipe"), 0);
	assert_int_equal(mknodat(p->dir, "socket", S_IFSOCK | 0644, 0), 0);
	assert_int_equal(opened(p->dir, "socket"), -ENXIO);
}
EACH_WAY(pipes_and_sockets_do_not_block)

/* ---- races ---- */

static atomic_bool over;

/* "swap" is a directory of the place and a link out of it by turns, exchanged at once. */
static void *
swap(void *arg)
{
	int dir = *(int *)arg;

	while (!over)
		renameat2(dir, "swap", dir, "other", RENAME_EXCHANGE);
	return NULL;
}

static void
a_link_swapped_in_gains_nothing_at(struct place *p)
{
	pthread_t thread;
	bool is_new;
	int fd, inside = 0;
	char c;

	over = false;
	assert_int_equal(mkdirat(p->dir, "swap", 0755), 0);
	put_file(p->dir, "swap/secret", "mine");
	assert_int_equal(symlinkat("../beside", p->dir, "other"), 0);
	assert_int_equal(pthread_create(&thread, NULL, swap, &p->dir), 0);
	for (int i = 0; i < ROUNDS || (inside == 0 && i < 1000 * ROUNDS); i++) {
		fd = beneath_open(p->dir, "swap/secret", O_RDONLY);
		if (fd >= 0) {
			assert_int_equal(read(fd, &c, 1), 1);
			assert_int_equal(c, 'm');
			close(fd);
			inside++;
		}
		if (i < ROUNDS)
			upload(p->dir, "swap/new/file", "x", &is_new);
	}
	over = true;
	pthread_join(thread, NULL);
	assert_true(inside > 0);
	assert_int_equal(faccessat(p->top, "beside/new", F_OK, 0), -1);
}
EACH_WAY(a_link_swapped_in_gains_nothing)

/* ---- uploads ---- */

static void
files_appear_when_they_are_complete_at(struct place *p)
{
	struct upload u = UPLOAD_INIT;
	struct stat st;
	bool is_new = false;

	assert_int_equal(upload(p->dir, "a/b/new", "text", &is_new), 0);
	assert_true(is_new && has(p->dir, "a/b/new", "text"));
	assert_int_equal(upload(p->dir, "a/b/new", "other", &is_new), 0);
	assert_true(!is_new && has(p->dir, "a/b/new", "other"));
	assert_int_equal(upload(p->dir, "sub", "x", &is_new), -EISDIR);
	assert_int_equal(upload(p->dir, "file/x", "x", &is_new), -ENOTDIR);

	assert_int_equal(upload_begin(&u, p->dir, "c/new"), 0);
	assert_int_equal(upload_write(&u, "half", 4), 0);
	assert_int_equal(faccessat(p->dir, "c", F_OK, 0), -1);
	assert_int_equal(faccessat(p->dir, u.name, F_OK, 0), 0);
	upload_drop(&u);
	upload_drop(&u);
	assert_int_equal(faccessat(p->dir, "c", F_OK, 0), -1);
	assert_int_equal(faccessat(p->dir, u.name, F_OK, 0), -1);

	assert_int_equal(upload_begin(&u, p->dir, "late"), 0);		/* a directory comes in the way */
	assert_int_equal(mkdirat(p->dir, "late", 0755), 0);
	assert_int_equal(upload_finish(&u, "late", &is_new), -EISDIR);
	assert_int_equal(faccessat(p->dir, u.name, F_OK, 0), -1);

	assert_int_equal(symlinkat("../beside/secret", p->dir, "link"), 0);	/* replaced, not followed */
	assert_int_equal(upload(p->dir, "link", "mine", &is_new), 0);
	assert_int_equal(fstatat(p->dir, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode) && !is_new);
	assert_true(has(p->top, "beside/secret", "secret"));
}
EACH_WAY(files_appear_when_they_are_complete)

static void
a_directory_that_was_removed_takes_no_files(void **state)
{
	struct upload u = UPLOAD_INIT;
	struct buf dir = BUF_INIT;
	struct place p;
	bool is_new;

	(void)state;
	place_make(&p);
	buf_printf(&dir, "%s/dir", buf_str(&p.path));
	assert_int_equal(upload_begin(&u, p.dir, "file"), 0);
	assert_int_equal(scratch_remove(buf_str(&dir)), 0);
	assert_int_equal(mkdirat(p.top, "dir", 0755), 0);		/* the next one's */
	assert_int_equal(upload_finish(&u, "file", &is_new), -ENOENT);
	assert_int_equal(upload_begin(&u, p.dir, "file"), -ENOENT);
	assert_int_equal(faccessat(p.top, "dir/file", F_OK, 0), -1);
	place_remove(&p);
	buf_release(&dir);
}

/* ---- listings ---- */

static void
a_listing_is_sorted_typed_and_bounded(void **state)
{
	struct buf b = BUF_INIT;
	struct place p;
	char name[32];

	(void)state;
	place_make(&p);
	assert_int_equal(symlinkat("/etc", p.dir, "a\"link"), 0);
	assert_int_equal(mkfifoat(p.dir, "pipe", 0644), 0);
	put_file(p.dir, "z\xff", "");
	assert_int_equal(listing_format(beneath_open(p.dir, "", O_RDONLY | O_DIRECTORY), "x/", &b), 0);
	for (const char *const *want = (const char *const []){ "{\"path\":\"x/\",\"entries\":[{\"name\":\"a\\\"link\",\"type\":\"symlink\",\"mtime\":",
	    "},{\"name\":\"file\",\"type\":\"file\",\"size\":4,\"mtime\":", "},{\"name\":\"pipe\",\"type\":\"other\",\"mtime\":",
	    "},{\"name\":\"sub\",\"type\":\"directory\",\"mtime\":",
	    "},{\"name\":\"z\xef\xbf\xbd\",\"name_encoded\":\"z%FF\",\"type\":\"file\",\"size\":0,\"mtime\":", "}],\"truncated\":false}", NULL };
	    *want; want++)
		if (!strstr(buf_str(&b), *want))
			fail_msg("%s: not in %s", *want, buf_str(&b));
	for (int i = 21000; i > 0; i--) {
		snprintf(name, sizeof name, "sub/%05d", i);
		assert_int_equal(mknodat(p.dir, name, S_IFREG | 0600, 0), 0);
	}
	buf_reset(&b);
	assert_int_equal(listing_format(beneath_open(p.dir, "sub", O_RDONLY | O_DIRECTORY), "sub/", &b), 0);
	assert_non_null(strstr(buf_str(&b), "\"entries\":[{\"name\":\"00001\""));
	assert_non_null(strstr(buf_str(&b), "{\"name\":\"10000\""));
	assert_null(strstr(buf_str(&b), "{\"name\":\"10001\""));
	assert_non_null(strstr(buf_str(&b), "],\"truncated\":true}"));
	place_remove(&p);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_checked),
		cmocka_unit_test(what_is_there_is_opened),
		cmocka_unit_test(nothing_leads_out),
		cmocka_unit_test(links_that_stay_below_are_followed),
		cmocka_unit_test(pipes_and_sockets_do_not_block),
		cmocka_unit_test(a_link_swapped_in_gains_nothing),
		cmocka_unit_test(files_appear_when_they_are_complete),
		cmocka_unit_test(a_directory_that_was_removed_takes_no_files),
		cmocka_unit_test(a_listing_is_sorted_typed_and_bounded),
	};

	return cmocka_run_group_tests_name("beneath", tests, NULL, NULL);
}
