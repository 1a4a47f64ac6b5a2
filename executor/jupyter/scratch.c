/* scratch - private directories of one's own; see scratch.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

#define ROUNDS_MAX 1000000	/* directories flattened: a bound for a tree that somebody still fills */

#define MOUNTINFO_MAX ((size_t)4 << 20)	/* bytes: some 20,000 mounts */

struct kept {			/* paths that stay, with all that leads to them */
	char	**path;
	size_t	  n;
};

struct names {			/* of directories moved up: none that a tenant can have used before */
	uint32_t	 chance;
	unsigned long	 serial;
	long		 left;		/* entries that may be removed or moved still */
};

int
scratch_make(const char *base, const char *prefix, struct buf *ret)
{
	buf_reset(ret);
	buf_printf(ret, "%s/%sXXXXXX", base, prefix);
	if (buf_error(ret) < 0)
		return -ENOMEM;
	return mkdtemp(ret->data) ? 0 : -errno;
}

static DIR *
open_below(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir;

	if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	fchmod(fd, 0700);
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

static bool
same_device(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/*
 * Empty the directory `dir`: files are unlinked; directories that are not empty are moved up into `top` under a new name,
 * so that depth never grows: each is emptied in its turn as one of top's own.  Returns entries moved or removed.
 */
static long
flatten(DIR *dir, int top, struct names *names, int *err)
{
	char name[48];
	struct dirent *d;
	long n = 0;

	while (names->left > 0 && (d = readdir(dir)) != NULL) {
		if (is_dots(d->d_name))
			continue;
		names->left--;
		if (unlinkat(dirfd(dir), d->d_name, 0) == 0 || unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR) == 0) {
			n++;
			continue;
		}
		snprintf(name, sizeof name, ".r%08x-%lu", (unsigned)names->chance, ++names->serial);
		if (renameat(dirfd(dir), d->d_name, top, name) == 0 ||
		    (errno == EACCES && fchmodat(dirfd(dir), d->d_name, 0700, AT_SYMLINK_NOFOLLOW) == 0 &&
		    renameat(dirfd(dir), d->d_name, top, name) == 0))
			n++;
		else
			*err = -errno;
	}
	return n;
}

/* ---- what stays ---- */

static bool
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* Is dir/name kept, or on the way to something that is? */
static bool
leads_on(const struct kept *k, const char *dir, const char *name)
{
	size_t n = strlen(dir), len = strlen(name);

	for (size_t i = 0; i < k->n; i++) {
		const char *p = k->path[i];

		if (is_below(p, dir) && strncmp(p + n + 1, name, len) == 0 && (p[n + 1 + len] == '/' || p[n + 1 + len] == '\0'))
			return true;
	}
	return false;
}

static int
keep(struct kept *k, const char *path)
{
	char **grown = realloc(k->path, (k->n + 1) * sizeof *grown);

	if (!grown)
		return -ENOMEM;
	k->path = grown;
	if ((k->path[k->n] = strdup(path)) == NULL)
		return -ENOMEM;
	k->n++;
	return 0;
}

static void
kept_release(struct kept *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->path[i]);
	free(k->path);
}

/* mountinfo writes blank, tab, newline and backslash as \ooo: proc(5). */
static void
unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++)
		if (*p == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' && p[3] <= '7') {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 3;
		} else
			*to++ = *p;
	*to = '\0';
}

/* Mount points below dir.  A device number does not tell: a directory may be mounted from the same file system. */
static int
keep_mounts(struct kept *k, const char *dir)
{
	struct buf text = BUF_INIT;
	char *line, *end, *field, *rest;
	int r = buf_read_file(&text, "/proc/self/mountinfo", MOUNTINFO_MAX);

	for (line = text.data; r == 0 && line && *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		rest = line;
		for (int i = 0; i < 5; i++)
			field = strsep(&rest, " ");
		if (!rest || !field)
			continue;
		unescape(field);
		if (is_below(field, dir))
			r = keep(k, field);
	}
	buf_release(&text);
	return r == -ENOENT ? 0 : r;		/* no /proc: same_device() is what is left */
}

/* One pass over top: true if anything was achieved and something may be left. */
static bool
pass(DIR *top, const char *path, const struct kept *kept, struct names *names, int *err)
{
	struct dirent *d;
	DIR *sub;
	long n = 0;

	rewinddir(top);
	while (names->left > 0 && (d = readdir(top)) != NULL && names->serial < ROUNDS_MAX) {
		if (is_dots(d->d_name) || leads_on(kept, path, d->d_name))
			continue;
		names->left--;
		if (unlinkat(dirfd(top), d->d_name, 0) == 0 || unlinkat(dirfd(top), d->d_name, AT_REMOVEDIR) == 0) {
			n++;
			continue;
		}
		sub = open_below(dirfd(top), d->d_name);
		if (!sub || !same_device(dirfd(sub), dirfd(top))) {
			*err = sub ? -EXDEV : -errno;
			if (sub)
				closedir(sub);
			continue;
		}
		n += flatten(sub, dirfd(top), names, err);
		closedir(sub);
		if (unlinkat(dirfd(top), d->d_name, AT_REMOVEDIR) == 0)
			n++;
		else
			*err = -errno;
	}
	return n > 0;
}

/* Directory `name` of `at`, which is known as `path`.  -EAGAIN: that was as much as `most` entries. */
static int
empty(int at, const char *name, const char *path, const struct kept *kept, long most)
{
	struct names names = { .left = most };
	DIR *top;
	int err = 0;

	top = open_below(at, name);
	if (!top)
		return -errno;
	if (getrandom(&names.chance, sizeof names.chance, 0) < 0)
		names.chance = (uint32_t)getpid();
	do
		err = 0;
	while (pass(top, path, kept, &names, &err) && names.serial < ROUNDS_MAX);
	closedir(top);
	return names.left > 0 ? err : -EAGAIN;
}

/* The directories between dir and the kept path below it are not removed, but what else is in them is. */
static int
empty_between(const char *dir, const char *path, const struct kept *kept)
{
	char between[PATH_MAX];
	int r = 0;

	for (const char *p = strchr(path + strlen(dir) + 1, '/'); p && r == 0; p = strchr(p + 1, '/')) {
		snprintf(between, sizeof between, "%.*s", (int)(p - path), path);
		r = empty(AT_FDCWD, between, between, kept, LONG_MAX);
	}
	return r;
}

/* The path by which mountinfo knows the directory; a link in the place of its last component is an error, not followed. */
static int
real_path(int at, const char *path, char *ret)
{
	char link[48];
	ssize_t n;
	int fd = openat(at, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	close(fd);
	if (n < 0)
		n = snprintf(ret, PATH_MAX, "%s", path);
	if (n >= PATH_MAX - 1)
		return -ENAMETOOLONG;
	ret[n] = '\0';
	return 0;
}

int
scratch_empty(const char *path, const char *const *spared)
{
	struct kept kept = { NULL, 0 };
	char dir[PATH_MAX];
	int r = real_path(AT_FDCWD, path, dir);

	if (r < 0)
		return r;
	r = keep_mounts(&kept, dir);
	for (; r == 0 && spared && *spared; spared++)
		r = keep(&kept, *spared);
	if (r == 0)
		r = empty(AT_FDCWD, dir, dir, &kept, LONG_MAX);
	for (size_t i = 0; i < kept.n && r == 0; i++)
		if (is_below(kept.path[i], dir))
			r = empty_between(dir, kept.path[i], &kept);
	kept_release(&kept);
	return r;
}

int
scratch_remove(const char *path)
{
	int r = scratch_empty(path, NULL);

	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	return r < 0 ? r : -errno;
}

int
scratch_remove_at(int at, const char *name, long most)
{
	struct kept kept = { NULL, 0 };
	char dir[PATH_MAX];
	int r = real_path(at, name, dir);

	if (r == 0)
		r = keep_mounts(&kept, dir);
	if (r == 0)
		r = empty(at, name, dir, &kept, most);
	kept_release(&kept);
	if (r == -EAGAIN)
		return r;
	if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return r < 0 ? r : -errno;
}

int
scratch_restore(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode) && unlink(path) < 0)
		return -errno;
	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST || lstat(path, &st) < 0)
		return -errno;
	if ((st.st_mode & 0700) != 0700 && st.st_uid == geteuid() &&
	    fchmodat(AT_FDCWD, path, (st.st_mode & 07777) | 0700, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}
