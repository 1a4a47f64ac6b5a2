/* rundir - the private directory of a local pool; see rundir.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/rundir.h"

/* The name's length counts: "/execmgr-" and the letters must fit behind the base. */
static bool
base_ok(const char *base)
{
	struct stat st;

	return base && base[0] == '/' && strlen(base) + sizeof "/" RUNDIR_PREFIX + RUNDIR_CHANCE < RUNDIR_MAX &&
	    stat(base, &st) == 0 && S_ISDIR(st.st_mode) && access(base, W_OK | X_OK) == 0;
}

int
rundir_choose(char ret_path[static RUNDIR_MAX])
{
	static const char letters[] = RUNDIR_LETTERS;
	const char *base = getenv("XDG_RUNTIME_DIR");
	unsigned char chance[RUNDIR_CHANCE];
	char name[RUNDIR_CHANCE + 1];

	if (!base_ok(base))
		base = "/tmp";
	if (!base_ok(base))
		return -EACCES;
	if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance)
		return -errno;
	for (size_t i = 0; i < RUNDIR_CHANCE; i++)
		name[i] = letters[chance[i] % 32];
	name[RUNDIR_CHANCE] = '\0';
	snprintf(ret_path, RUNDIR_MAX, "%s/" RUNDIR_PREFIX "%s", base, name);
	return 0;
}

int
rundir_make(const char *path)
{
	return mkdir(path, 0700) < 0 ? -errno : 0;
}

static int	remove_at(int at, const char *name);

/* Empties and closes the directory fd. */
static int
empty_dir(int fd)
{
	struct dirent *d;
	DIR *dir = fdopendir(fd);
	int r = 0, one;

	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		one = remove_at(dirfd(dir), d->d_name);
		if (r == 0)
			r = one;
	}
	closedir(dir);
	return r;
}

static int
remove_at(int at, const char *name)
{
	int fd, r;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)	/* its owner had taken our right away */
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0700) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	r = empty_dir(fd);
	if (unlinkat(at, name, AT_REMOVEDIR) < 0 && r == 0)
		r = -errno;
	return r;
}

int
rundir_remove(const char *path)
{
	return remove_at(AT_FDCWD, path);
}

int
rundir_write(const char *path, const void *bytes, size_t len, mode_t mode)
{
	const char *p = bytes;
	int fd, r = 0;
	ssize_t n;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode) < 0)		/* whatever the umask is */
		r = -errno;
	while (r == 0 && len > 0) {
		n = write(fd, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EINTR)
			r = -errno;
	}
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int
join(char out[static PATH_MAX], const char *dir, const char *name)
{
	return (size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int
rundir_open_socket(const char *dir, uid_t owner)
{
	char in[PATH_MAX], sock[PATH_MAX];
	int r;

	if ((r = join(in, dir, "in")) < 0 || (r = join(sock, dir, "sock")) < 0 || (r = rundir_remove(in)) < 0)
		return r;
	if (unlink(sock) < 0 && errno != ENOENT)
		return -errno;
	if (mkdir(in, 0700) < 0)
		return -errno;
	if (owner != (uid_t)-1 && chown(in, owner, (gid_t)owner) < 0)
		return -errno;
	return 0;
}

int
rundir_adopt_socket(const char *dir)
{
	char in[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
	struct stat st;
	int r;

	if ((r = join(in, dir, "in")) < 0 || (r = join(from, in, "sock")) < 0 || (r = join(to, dir, "sock")) < 0)
		return r;
	if (link(from, to) < 0)			/* of a symbolic link, link(2) takes the link itself */
		return errno == ENOENT ? -EAGAIN : -errno;
	if (lstat(to, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode)) {
		unlink(to);
		return -ENOTSOCK;
	}
	if (unlink(from) < 0 && errno != ENOENT)
		return -errno;
	return rmdir(in) < 0 && errno != ENOENT ? -errno : 0;
}
