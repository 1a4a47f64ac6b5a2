/* kernelspec - finds a kernel by name in the Jupyter paths; see kernelspec.h. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/json.h"
#include "kernelspec.h"

#define ARGV_MAX  256
#define NAME_CHARS_MAX 128

/* ---- where to look ---- */

static const char *
env_or_null(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

/* Call visit for each directory that may hold kernels, until it says true. */
static bool
each_dir(bool (*visit)(void *arg, const char *dir), void *arg)
{
	const char *path = env_or_null("JUPYTER_PATH"), *home = env_or_null("HOME"), *v;
	struct buf b = BUF_INIT;
	bool done = false;
	size_t n;

	for (; path && !done; path = path[n] ? path + n + 1 : NULL) {
		n = strcspn(path, ":");
		buf_reset(&b);
		buf_add(&b, path, n);
		buf_puts(&b, "/kernels");
		done = n > 0 && visit(arg, buf_str(&b));
	}
	buf_reset(&b);
	if (!done && (v = env_or_null("JUPYTER_DATA_DIR")) != NULL) {
		buf_printf(&b, "%s/kernels", v);
		done = visit(arg, buf_str(&b));
	} else if (!done && ((v = env_or_null("XDG_DATA_HOME")) != NULL || home)) {
		buf_printf(&b, v ? "%s/jupyter/kernels" : "%s/.local/share/jupyter/kernels", v ? v : home);
		done = visit(arg, buf_str(&b));
	}
	buf_release(&b);
	return done || visit(arg, "/usr/local/share/jupyter/kernels") || visit(arg, "/usr/share/jupyter/kernels");
}

/* Letters, digits, '.', '_', '-': what Jupyter allows; so no '/', and no path out of the directory. */
static bool
is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n > 0 && n <= NAME_CHARS_MAX && s[n] == '\0' && s[0] != '.';
}

/* ---- kernel.json ---- */

static char *
text_of(struct json object, const char *key)
{
	struct buf b = BUF_INIT;
	struct json v;

	if (json_get(object, key, &v) && v.kind == JSON_STRING && json_text(v, &b) < 0)
		buf_release(&b);
	return b.data ? b.data : strdup("");
}

static int
refuse(struct buf *why, const char *what)
{
	buf_puts(why, what);
	return -EBADMSG;
}

static int
parse_argv(struct json spec, struct kernelspec *ret, struct buf *why)
{
	struct json argv, key, word;
	struct json_iter it = { 0 };
	struct buf b;
	size_t n = 0;

	if (!json_get(spec, "argv", &argv) || argv.kind != JSON_ARRAY)
		return refuse(why, "argv is no list");
	ret->argv = calloc(ARGV_MAX + 1, sizeof *ret->argv);
	if (!ret->argv)
		return -ENOMEM;
	while (json_next(argv, &it, &key, &word)) {
		if (word.kind != JSON_STRING || n == ARGV_MAX)
			return refuse(why, "argv is no list of strings");
		b = (struct buf)BUF_INIT;
		buf_puts(&b, "");
		if (json_text(word, &b) < 0 || buf_reserve(&b, 1) < 0)
			return -ENOMEM;
		if (strlen(b.data) != b.len) {
			buf_release(&b);
			return refuse(why, "argv holds a NUL");
		}
		ret->argv[n++] = b.data;
		if (strstr(b.data, "ipykernel"))
			ret->is_ipykernel = true;
	}
	return n > 0 && *ret->argv[0] ? 0 : refuse(why, "argv is empty");
}

/* ${NAME} is the variable's value, as jupyter_client does it. */
static void
expand(const char *s, struct buf *out)
{
	char name[NAME_CHARS_MAX];
	const char *v;
	size_t n;

	while (*s) {
		n = s[0] == '$' && s[1] == '{' ? strcspn(s + 2, "}") : 0;
		if (n > 0 && n < sizeof name && s[2 + n] == '}') {
			snprintf(name, sizeof name, "%.*s", (int)n, s + 2);
			v = getenv(name);
			buf_puts(out, v ? v : "");
			s += n + 3;
		} else
			buf_putc(out, *s++);
	}
}

static int
parse_env(struct json spec, struct kernelspec *ret, struct buf *why)
{
	struct json_iter it = { 0 };
	struct buf name = BUF_INIT, value = BUF_INIT, line;
	struct json env, key, v;
	size_t n = 0;
	int r = 0;

	ret->env = calloc(ARGV_MAX + 1, sizeof *ret->env);
	if (!ret->env)
		return -ENOMEM;
	if (!json_get(spec, "env", &env))
		return 0;
	while (r == 0 && json_next(env, &it, &key, &v)) {
		buf_reset(&name);
		buf_reset(&value);
		line = (struct buf)BUF_INIT;
		if (v.kind != JSON_STRING || n == ARGV_MAX || json_text(key, &name) < 0 || json_text(v, &value) < 0 ||
		    name.len == 0 || strcspn(buf_str(&name), "=") != name.len || strlen(buf_str(&value)) != value.len) {
			r = refuse(why, "env does not map names to strings");
			break;
		}
		buf_printf(&line, "%s=", name.data);
		expand(buf_str(&value), &line);
		r = buf_error(&line);
		ret->env[n++] = line.data;
	}
	buf_release(&name);
	buf_release(&value);
	return r;
}

int
kernelspec_parse(const char *text, size_t len, const char *dir, struct kernelspec *ret, struct buf *why)
{
	struct json_error err;
	struct json spec, mode;
	int r;

	if ((r = json_scan(text, len, 0, &spec, &err)) < 0) {
		buf_printf(why, "line %u: %s", err.line, err.what);
		return r == -ENOMEM ? r : -EBADMSG;
	}
	if (spec.kind != JSON_OBJECT)
		return refuse(why, "not an object");
	if ((r = parse_argv(spec, ret, why)) < 0 || (r = parse_env(spec, ret, why)) < 0)
		return r;
	ret->dir = strdup(dir);
	ret->display_name = text_of(spec, "display_name");
	ret->language = text_of(spec, "language");
	if (!ret->dir || !ret->display_name || !ret->language)
		return -ENOMEM;
	if (json_get(spec, "interrupt_mode", &mode)) {
		ret->interrupt_by_message = json_equals(mode, "message");
		if (!ret->interrupt_by_message && !json_equals(mode, "signal"))
			return refuse(why, "interrupt_mode is neither signal nor message");
	}
	return 0;
}

struct search {
	const char	*name;
	struct buf	 text, dir;
	int		 r;
};

static bool
look_in(void *arg, const char *dir)
{
	struct search *s = arg;
	struct buf file = BUF_INIT;

	buf_reset(&s->dir);
	buf_printf(&s->dir, "%s/%s", dir, s->name);
	buf_printf(&file, "%s/kernel.json", buf_str(&s->dir));
	buf_reset(&s->text);
	s->r = buf_read_file(&s->text, buf_str(&file), KERNELSPEC_BYTES_MAX);
	buf_release(&file);
	return s->r != -ENOENT && s->r != -ENOTDIR;
}

int
kernelspec_find(const char *name, struct kernelspec *ret, struct buf *why)
{
	struct search s = { name, BUF_INIT, BUF_INIT, 0 };
	int r;

	*ret = (struct kernelspec)KERNELSPEC_INIT;
	if (!is_name(name)) {
		buf_puts(why, "a kernel's name has letters, digits, '.', '_' and '-' only");
		return -EINVAL;
	}
	if (!each_dir(look_in, &s)) {
		buf_puts(why, "no such kernel; there are:");
		kernelspec_list(why);
		r = -ENOENT;
		goto out;
	}
	buf_printf(why, "%s/kernel.json: ", buf_str(&s.dir));
	if ((r = s.r) < 0) {
		buf_puts(why, strerror(-r));
		goto out;
	}
	r = kernelspec_parse(buf_str(&s.text), s.text.len, buf_str(&s.dir), ret, why);
	if (r == 0 && (ret->name = strdup(name)) == NULL)
		r = -ENOMEM;
	if (r == 0)
		buf_reset(why);
out:
	if (r < 0)
		kernelspec_release(ret);
	buf_release(&s.text);
	buf_release(&s.dir);
	return r;
}

static void
free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

void
kernelspec_release(struct kernelspec *spec)
{
	free(spec->name);
	free(spec->dir);
	free(spec->display_name);
	free(spec->language);
	free_list(spec->argv);
	free_list(spec->env);
	*spec = (struct kernelspec)KERNELSPEC_INIT;
}

void
kernelspec_fill(const struct kernelspec *spec, const char *word, const char *connection_file, struct buf *out)
{
	static const char file[] = "{connection_file}", dir[] = "{resource_dir}";

	buf_puts(out, "");
	while (*word) {
		if (strncmp(word, file, sizeof file - 1) == 0) {
			buf_puts(out, connection_file);
			word += sizeof file - 1;
		} else if (strncmp(word, dir, sizeof dir - 1) == 0) {
			buf_puts(out, spec->dir);
			word += sizeof dir - 1;
		} else
			buf_putc(out, *word++);
	}
}

static bool
list_dir(void *arg, const char *path)
{
	struct buf file = BUF_INIT, *out = arg;
	DIR *dir = opendir(path);
	struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL) {
		buf_reset(&file);
		buf_printf(&file, "%s/%s/kernel.json", path, d->d_name);
		if (is_name(d->d_name) && access(buf_str(&file), R_OK) == 0)
			buf_printf(out, " %s", d->d_name);
	}
	if (dir)
		closedir(dir);
	buf_release(&file);
	return false;
}

void
kernelspec_list(struct buf *out)
{
	each_dir(list_dir, out);
}
