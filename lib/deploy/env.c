/* env - environment variables of a deployment; see env.h. */
#include <errno.h>
#include <stdint.h>

#include "base/utf8.h"
#include "deploy/env.h"
#include "deploy/refuse.h"

#define QUOTED_MAX 100		/* bytes of a faulty name that a message repeats */

struct span {
	const char	*p;
	size_t		 len;
};

static bool
is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static size_t
name_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_name_char(s[n], n == 0))
		n++;
	return n;
}

static const char *
check_value(struct span v)
{
	for (size_t i = 0, n; i < v.len; i += n) {
		unsigned char c = (unsigned char)v.p[i];

		if ((n = utf8_char(v.p + i, v.len - i)) == 0)
			return "the value is not UTF-8";
		if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
			return "the value holds a control character";
	}
	return NULL;
}

static struct env_var *
find(const struct env *e, struct span name)
{
	for (size_t i = 0; i < e->n; i++)
		if (strncmp(e->var[i].name, name.p, name.len) == 0 && e->var[i].name[name.len] == '\0')
			return &e->var[i];
	return NULL;
}

const struct env_var *
env_get(const struct env *e, const char *name)
{
	return find(e, (struct span){ name, strlen(name) });
}

/* A place for a variable of that name, its value NULL; NULL: no memory. */
static struct env_var *
place(struct env *e, struct span name)
{
	struct env_var *v = find(e, name);

	if (v != NULL) {
		free(v->value);
		v->value = NULL;
		return v;
	}
	if (e->var == NULL && (e->var = calloc(ENV_MAX, sizeof *e->var)) == NULL)
		return NULL;
	v = &e->var[e->n];
	if ((v->name = strndup(name.p, name.len)) == NULL)
		return NULL;
	e->n++;
	return v;
}

/* One NAME=VALUE.  0; -EINVAL, *ret_what static text and *ret_name what it is about; -ENOMEM. */
static int
add(struct env *e, struct span text, const char *file, unsigned line, struct span *ret_name, const char **ret_what)
{
	const char *equals = memchr(text.p, '=', text.len);
	struct span name = { text.p, equals != NULL ? (size_t)(equals - text.p) : text.len }, value;
	struct env_var *v;

	*ret_name = (struct span){ name.p, name.len < QUOTED_MAX ? name.len : QUOTED_MAX };
	*ret_what = equals == NULL ? "must be NAME=VALUE" : name.len == 0 ? "a name is missing before '='" : NULL;
	if (*ret_what != NULL)
		return -EINVAL;
	if (name_len(name.p, name.len) < name.len)
		*ret_what = "a name starts with a letter or '_' and has only letters, digits and '_'";
	value = (struct span){ equals + 1, text.len - name.len - 1 };
	if (*ret_what == NULL)
		*ret_what = text.len > ENV_BYTES_MAX ? "longer than 131071 bytes" : check_value(value);
	if (*ret_what == NULL && e->n == ENV_MAX && find(e, name) == NULL)
		*ret_what = "more than 1000 variables";
	if (*ret_what != NULL)
		return -EINVAL;
	if ((v = place(e, name)) == NULL || (v->value = strndup(value.p, value.len)) == NULL)
		return -ENOMEM;
	v->file = file;
	v->line = line;
	return 0;
}

/* Bytes up to the next comma that NAME= follows, or all. */
static size_t
item_len(const char *s)
{
	for (const char *comma = s; (comma = strchr(comma, ',')) != NULL; comma++) {
		size_t n = name_len(comma + 1, SIZE_MAX);	/* ends at the NUL */

		if (n > 0 && comma[1 + n] == '=')
			return (size_t)(comma - s);
	}
	return strlen(s);
}

int
env_parse_list(struct env *e, const char *text, struct buf *why)
{
	struct span name;
	const char *what;
	int r;

	for (const char *p = text;; p++) {
		size_t len = item_len(p);

		if ((r = add(e, (struct span){ p, len }, NULL, 0, &name, &what)) == -EINVAL)
			refuse(why, "--env %.*s: %s", (int)name.len, name.p, what);
		if (r < 0)
			return r;
		p += len;
		if (*p == '\0')
			return 0;
	}
}

static struct span
trim_start(struct span s)
{
	while (s.len > 0 && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.len--;
	}
	return s;
}

static struct span
drop(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s.len < n || memcmp(s.p, prefix, n) != 0)
		return s;
	return (struct span){ s.p + n, s.len - n };
}

int
env_parse_file(struct env *e, const char *path, const char *text, size_t len, struct buf *why)
{
	struct span rest = drop((struct span){ text, len }, "\xef\xbb\xbf"), name;	/* an editor's byte order mark */
	const char *what;
	int r;

	for (unsigned line = 1; rest.len > 0; line++) {
		const char *end = memchr(rest.p, '\n', rest.len);
		struct span one = { rest.p, end != NULL ? (size_t)(end - rest.p) : rest.len };

		rest.p += one.len + (end != NULL);
		rest.len -= one.len + (end != NULL);
		if (one.len > 0 && one.p[one.len - 1] == '\r')
			one.len--;
		one = trim_start(one);
		if (one.len == 0 || *one.p == '#')
			continue;
		one = trim_start(drop(one, "export "));
		if ((r = add(e, one, path, line, &name, &what)) == -EINVAL)
			refuse(why, "%s:%u: %.*s: %s", path, line, (int)name.len, name.p, what);
		if (r < 0)
			return r;
	}
	return 0;
}

void
env_release(struct env *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->var[i].name);
		free(e->var[i].value);
	}
	free(e->var);
	*e = (struct env)ENV_INIT;
}

int
env_refuse(const struct env_var *v, struct buf *why, const char *what)
{
	if (v->file == NULL)
		return refuse(why, "--env %s=%s: %s", v->name, v->value, what);
	refuse(why, "%s:%u: %s=%s: %s", v->file, v->line, v->name, v->value, what);
	return -EBADMSG;
}
