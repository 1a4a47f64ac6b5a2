/* find - where a program is, and what came with it; see find.h. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/find.h"

static int
try(const char *dir, size_t len, const char *name, char ret[static PATH_MAX])
{
	char path[PATH_MAX], cwd[PATH_MAX];
	struct stat st;
	int n;

	if (len == 0)
		n = snprintf(path, sizeof path, "%s", name);
	else
		n = snprintf(path, sizeof path, "%.*s/%s", (int)len, dir, name);
	if ((size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	if (stat(path, &st) < 0)
		return errno == EACCES ? -EACCES : -ENOENT;
	if (S_ISDIR(st.st_mode) || access(path, X_OK) < 0)
		return -EACCES;
	if (path[0] == '/') {
		memcpy(ret, path, (size_t)n + 1);
		return 0;
	}
	if (!getcwd(cwd, sizeof cwd))
		return -errno;
	return (size_t)snprintf(ret, PATH_MAX, "%s/%s", cwd, path) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int
find_program(const char *name, char ret[static PATH_MAX])
{
	const char *p = getenv("PATH");
	int r = -ENOENT, one;
	size_t len;

	if (name[0] == '\0')
		return -ENOENT;
	if (strchr(name, '/'))
		return try("", 0, name, ret);
	if (!p)
		p = "/usr/local/bin:/usr/bin:/bin";
	for (;; p += len + 1) {
		len = strcspn(p, ":");
		one = len > 0 ? try(p, len, name, ret) : try(".", 1, name, ret);
		if (one == 0)
			return 0;
		if (one == -EACCES)		/* go on, but remember that there was one */
			r = one;
		if (p[len] == '\0')
			return r;
	}
}

/* The directory of the running program; bytes of its path, 0: cannot be told. */
static size_t
own_dir(char ret[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);
	char *slash;

	ret[n > 0 ? n : 0] = '\0';
	if (!(slash = strrchr(ret, '/')))
		return 0;
	*slash = '\0';
	return (size_t)(slash - ret);
}

int
find_sibling(const char *name, char ret[static PATH_MAX])
{
	char dir[PATH_MAX];
	size_t len = own_dir(dir);

	if (len > 0 && try(dir, len, name, ret) == 0)
		return 0;
	return find_program(name, ret);
}

int
find_share(const char *name, char ret[static PATH_MAX])
{
	static const char *const below[] = { "../share/execmgr", "../../share" };
	char dir[PATH_MAX], path[PATH_MAX];
	size_t len = own_dir(dir);
	int n;

	for (size_t i = 0; len > 0 && i < sizeof below / sizeof *below; i++) {
		n = snprintf(path, sizeof path, "%s/%s/%s", dir, below[i], name);
		if ((size_t)n >= sizeof path)
			return -ENAMETOOLONG;
		if (realpath(path, ret) != NULL)
			return 0;
	}
	return -ENOENT;
}
