/* beneath - paths that do not lead out of a directory; see beneath.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/uri.h"
#include "beneath.h"

#define TRIES 8			/* where something was renamed while a ".." was followed */
#define WAY (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* ---- what is a path ---- */

static const char *
fault_of(const char *name, size_t len)
{
	if (len == 0)
		return "A name in the path is empty";
	if (len > BENEATH_NAME_MAX)
		return "A name in the path is longer than 255 bytes";
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return "The path has a component . or ..";
	return NULL;
}

int
beneath_parse(const char *text, size_t len, struct buf *ret, bool *ret_is_dir, const char **ret_why)
{
	const char *p, *end;
	int r;

	buf_reset(ret);
	*ret_why = NULL;
	r = uri_decode(text, len, false, ret);
	if (r < 0) {
		*ret_why = "The path has a wrong percent escape, or %00";
		return r;
	}
	*ret_is_dir = ret->len == 0 || ret->data[ret->len - 1] == '/';
	if (ret->len > 1 && *ret_is_dir)
		buf_truncate(ret, ret->len - 1);
	if (ret->len > BENEATH_PATH_MAX)
		*ret_why = "The path is longer than 4095 bytes";
	for (p = buf_str(ret); ret->len > 0 && !*ret_why; p = end + 1) {
		end = strchrnul(p, '/');
		*ret_why = fault_of(p, (size_t)(end - p));
		if (!*end)
			break;
	}
	return *ret_why ? -EINVAL : 0;
}

/* ---- the way there ---- */

static int
is_link(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* One step: a link says ELOOP, whatever the flags made of it. */
static int
step(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC), r;

	if (fd >= 0)
		return fd;
	r = -errno;
	return r == -ENOTDIR && is_link(dir, name) ? -ELOOP : r;
}

/* Component by component, none of them a link: what ".." and links could do to a path cannot happen. */
static int
walk(int dir, const char *path, int flags)
{
	char name[BENEATH_NAME_MAX + 1];
	const char *end;
	int at = dir, next;

	for (;; path = end + 1) {
		end = strchrnul(path, '/');
		if ((size_t)(end - path) >= sizeof name)
			next = -ENAMETOOLONG;
		else {
			memcpy(name, path, (size_t)(end - path));
			name[end - path] = '\0';
			next = strcmp(name, "..") == 0 ? -EXDEV : step(at, *name ? name : ".", *end ? WAY : flags);
		}
		if (at != dir)
			close(at);
		if (next < 0 || !*end)
			return next;
		at = next;
	}
}

int
beneath_open(int dir, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof how);
		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS || errno == EPERM)		/* seccomp says either */
			return walk(dir, path, flags);
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

/* Make what is missing of a path's directories; each is looked up from the top, since links may lead up again. */
static int
make_way(int dir, const char *path)
{
	char part[BENEATH_PATH_MAX + 1];
	const char *end = path;
	int fd = beneath_open(dir, "", WAY), next, r = fd < 0 ? fd : 0;

	while (r == 0 && *end) {
		const char *name = end == path ? path : end + 1;

		end = strchrnul(name, '/');
		snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
		if (mkdirat(fd, part + (name - path), 0755) < 0 && errno != EEXIST)
			r = -errno;
		next = r < 0 ? r : beneath_open(dir, part, WAY);
		close(fd);
		fd = next;
		if (next < 0)
			r = next;
	}
	return r < 0 ? r : fd;
}

int
beneath_parent(int dir, const char *path, bool make, const char **ret_name)
{
	char way[BENEATH_PATH_MAX + 1];
	const char *slash = strrchr(path, '/');
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (strlen(path) > BENEATH_PATH_MAX)
		return -ENAMETOOLONG;
	snprintf(way, sizeof way, "%.*s", slash ? (int)(slash - path) : 0, path);
	fd = beneath_open(dir, way, WAY);
	return fd == -ENOENT && make ? make_way(dir, way) : fd;
}
