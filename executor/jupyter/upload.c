/* upload - a file that appears when it is complete; see upload.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "upload.h"

/* What is in the way already need not be sent: the way, or the target, will not do. */
static int
check(int dir, const char *path)
{
	struct stat st;
	const char *name;
	int fd = beneath_parent(dir, path, false, &name), r = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		r = -EISDIR;
	close(fd);
	return r;
}

int
upload_begin(struct upload *u, int dir, const char *path)
{
	uint64_t chance;
	int r = check(dir, path);

	if (r < 0)
		return r;
	if (getrandom(&chance, sizeof chance, 0) < 0)
		return -errno;
	*u = (struct upload){ .dir = dir };
	snprintf(u->name, sizeof u->name, ".upload-%016llx", (unsigned long long)chance);
	u->fd = openat(dir, u->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return u->fd < 0 ? -errno : 0;
}

int
upload_write(struct upload *u, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(u->fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		bytes += n;
		len -= (size_t)n;
		u->size += n;
	}
	return 0;
}

static int
publish(struct upload *u, const char *path, bool *ret_is_new)
{
	struct stat st;
	const char *name;
	bool is_new;
	int fd = beneath_parent(u->dir, path, true, &name), r = 0;

	if (fd < 0)
		return fd;
	is_new = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0;
	if (renameat(u->dir, u->name, fd, name) == 0)
		*ret_is_new = is_new;
	else
		r = errno == EEXIST || errno == ENOTEMPTY ? -EISDIR : -errno;
	close(fd);
	return r;
}

int
upload_finish(struct upload *u, const char *path, bool *ret_is_new)
{
	int r = publish(u, path, ret_is_new);

	if (r < 0) {
		upload_drop(u);
		return r;
	}
	close(u->fd);
	u->fd = -1;
	return 0;
}

void
upload_drop(struct upload *u)
{
	if (u->fd < 0)
		return;
	unlinkat(u->dir, u->name, 0);
	close(u->fd);
	u->fd = -1;
}
