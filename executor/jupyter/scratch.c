/* scratch - private directories of one's own; see scratch.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

#define ROUNDS_MAX 1000000	/* directories flattened: a bound for a tree that somebody still fills */

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

	if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
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
flatten(DIR *dir, int top, unsigned long *serial, int *err)
{
	char name[40];
	struct dirent *d;
	long n = 0;

	while ((d = readdir(dir)) != NULL) {
		if (is_dots(d->d_name))
			continue;
		if (unlinkat(dirfd(dir), d->d_name, 0) == 0 || unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR) == 0) {
			n++;
			continue;
		}
		snprintf(name, sizeof name, ".r%lu", ++*serial);
		if (renameat(dirfd(dir), d->d_name, top, name) == 0 ||
		    (errno == EACCES && fchmodat(dirfd(dir), d->d_name, 0700, 0) == 0 &&
		    renameat(dirfd(dir), d->d_name, top, name) == 0))
			n++;
		else
			*err = -errno;
	}
	return n;
}

/* One pass over top: true if anything was achieved and something may be left. */
static bool
pass(DIR *top, unsigned long *serial, int *err)
{
	struct dirent *d;
	DIR *sub;
	long n = 0;

	rewinddir(top);
	while ((d = readdir(top)) != NULL && *serial < ROUNDS_MAX) {
		if (is_dots(d->d_name))
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
		n += flatten(sub, dirfd(top), serial, err);
		closedir(sub);
		if (unlinkat(dirfd(top), d->d_name, AT_REMOVEDIR) == 0)
			n++;
		else
			*err = -errno;
	}
	return n > 0;
}

int
scratch_remove(const char *path)
{
	unsigned long serial = 0;
	DIR *top;
	int err = 0;

	top = open_below(AT_FDCWD, path);
	if (!top)
		return errno == ENOENT ? 0 : -errno;
	do
		err = 0;
	while (pass(top, &serial, &err) && serial < ROUNDS_MAX);
	closedir(top);
	if (rmdir(path) == 0)
		return 0;
	return err < 0 ? err : -errno;
}
