/* view - which of this machine's files a sandbox shows; see view.h. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "local/view.h"

/* On a merged-/usr system all but the first are links into it. */
static const char *const root_names[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };

/* What the dynamic linker, the C library, Python, R and fontconfig look for.  No keys, no names of people or hosts. */
static const char *const etc_names[] = {
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime", "/etc/timezone",
	"/etc/locale.alias", "/etc/mime.types", "/etc/fonts", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates",
	"/etc/python3", "/etc/python3.11", "/etc/python3.13", "/etc/matplotlibrc", "/etc/R", "/etc/ipython", "/etc/jupyter",
	"/etc/bash.bashrc", "/etc/inputrc", "/etc/debian_version", "/etc/protocols", "/etc/services",
};

static const char *const etc_net_names[] = { "/etc/resolv.conf", "/etc/gai.conf", "/etc/host.conf" };

#define COUNT(a) (sizeof (a) / sizeof *(a))

void
view_release(struct view *v)
{
	free(v->bind);
	argv_release(&v->text);
	argv_release(&v->jupyter);
	*v = (struct view)VIEW_INIT;
}

int
view_add(struct view *v, const char *from, const char *at, bool is_link)
{
	struct sandbox_bind *p = realloc(v->bind, (v->n + 1) * sizeof *p);

	if (!p)
		return -ENOMEM;
	v->bind = p;
	argv_add(&v->text, from);
	argv_add(&v->text, at);
	if (argv_error(&v->text) < 0)
		return -ENOMEM;
	p[v->n++] = (struct sandbox_bind){ v->text.item[v->text.n - 2], v->text.item[v->text.n - 1], is_link };
	return 0;
}

/* What is not there is left out: each machine has some of these. */
static int
add_resolved(struct view *v, const char *at)
{
	char path[PATH_MAX];

	return realpath(at, path) ? view_add(v, path, at, false) : 0;
}

static int
add_root(struct view *v, const char *at)
{
	char target[PATH_MAX];
	ssize_t n = readlink(at, target, sizeof target - 1);

	if (n < 0)
		return errno == EINVAL ? view_add(v, at, at, false) : 0;
	target[n] = '\0';
	return view_add(v, target, at, true);
}

int
view_add_base(struct view *v, bool net)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT(root_names); i++)
		r = add_root(v, root_names[i]);
	for (size_t i = 0; r == 0 && i < COUNT(etc_names); i++)
		r = add_resolved(v, etc_names[i]);
	for (size_t i = 0; net && r == 0 && i < COUNT(etc_net_names); i++)
		r = add_resolved(v, etc_net_names[i]);
	return r;
}

bool
view_shows(const struct view *v, const char *path)
{
	for (size_t i = 0; i < v->n; i++)
		if (!v->bind[i].is_link && strcmp(v->bind[i].from, v->bind[i].at) == 0 && sandbox_is_below(path, v->bind[i].at))
			return true;
	return false;
}

/* Only the kernels below dir, since runtime/ beside them holds the keys of the user's running kernels. */
static int
add_kernels(struct view *v, const char *dir)
{
	struct buf path = BUF_INIT, at = BUF_INIT;
	char real[PATH_MAX];
	struct stat st;
	int r;

	buf_printf(&path, "%s/kernels", dir);
	if (dir[0] == '\0' || !realpath(buf_str(&path), real) || stat(real, &st) < 0 || !S_ISDIR(st.st_mode)) {
		r = buf_error(&path);
		goto out;
	}
	buf_printf(&at, "%s/%zu", SANDBOX_JUPYTER, v->jupyter.n);
	argv_add(&v->jupyter, buf_str(&at));
	buf_puts(&at, "/kernels");
	r = buf_error(&at) < 0 || argv_error(&v->jupyter) < 0 ? -ENOMEM : view_add(v, real, buf_str(&at), false);
out:
	buf_release(&path);
	buf_release(&at);
	return r;
}

int
view_add_kernels(struct view *v)
{
	const char *list = getenv("JUPYTER_PATH"), *data = getenv("JUPYTER_DATA_DIR"), *home = getenv("HOME");
	struct buf dir = BUF_INIT;
	size_t len;
	int r = 0;

	for (; r == 0 && list && *list; list += len + (list[len] == ':')) {
		len = strcspn(list, ":");
		buf_reset(&dir);
		buf_add(&dir, list, len);
		r = add_kernels(v, buf_str(&dir));
	}
	buf_reset(&dir);
	if (data)
		buf_puts(&dir, data);
	else if (home)
		buf_printf(&dir, "%s/.local/share/jupyter", home);
	if (r == 0)
		r = add_kernels(v, buf_str(&dir));
	buf_release(&dir);
	return r;
}
