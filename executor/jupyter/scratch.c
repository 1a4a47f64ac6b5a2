/* scratch - private directories of one's own; see scratch.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

#define ROUNDS_MAX 1000000	/* directories flattened: a bound for a tree that somebody still fills */

struct names {			/* of directories moved up: none that a tenant can have used before */
	uint32_t	 chance;
	unsigned long	 serial;
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

	while ((d = readdir(dir)) != NULL) {
		if (is_dots(d->d_name))
			continue;
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

/* One pass over top: true if anything was achieved and something may be left. */
static bool
pass(DIR *top, const char *spared, struct names *names, int *err)
{
	struct dirent *d;
	DIR *sub;
	long n = 0;

	rewinddir(top);
	while ((d = readdir(top)) != NULL && names->serial < ROUNDS_MAX) {
		if (is_dots(d->d_name) || (spared && strcmp(d->d_name, spared) == 0))
			continue;
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

/* The name in `dir` by which path is known there, NULL: it does not lie directly in it. */
static const char *
name_in(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (!path || strncmp(path, dir, n) != 0 || path[n] != '/' || path[n + 1] == '\0' || strchr(path + n + 1, '/'))
		return NULL;
	return path + n + 1;
}

int
scratch_empty(const char *path, const char *spared)
{
	struct names names = { 0 };
	const char *name = name_in(path, spared);
	DIR *top;
	int err = 0;

	top = open_below(AT_FDCWD, path);
	if (!top)
		return -errno;
	if (getrandom(&names.chance, sizeof names.chance, 0) < 0)
		names.chance = (uint32_t)getpid();
	do
		err = 0;
	while (pass(top, name, &names, &err) && names.serial < ROUNDS_MAX);
	closedir(top);
	return err;
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
