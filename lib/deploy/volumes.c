/* volumes - directories of the host that executors see; see volumes.h. */
#include <errno.h>

#include "base/utf8.h"
#include "deploy/refuse.h"
#include "deploy/volumes.h"

/* "/a" is, or is above, "/a/b". */
static bool
is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool
is_plain(const char *path)
{
	for (const char *p = path; *p == '/'; p += 1 + strcspn(p + 1, "/")) {
		size_t len = strcspn(p + 1, "/");

		if (len == 0 || (len == 1 && p[1] == '.') || (len == 2 && p[1] == '.' && p[2] == '.'))
			return false;
	}
	return true;
}

static const char *
check_text(const char *s)
{
	size_t len = strlen(s), n;

	for (size_t i = 0; i < len; i += n)
		if ((n = utf8_char(s + i, len - i)) == 0 || (unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return "must be UTF-8 without control characters";
	return NULL;
}

static const char *
check_target(const char *path)
{
	static const char *const machine[] = { "/proc", "/sys", "/dev" }, *const ours[] = { "/tmp", "/work" };

	if (path[0] != '/')
		return "must start with '/' (a directory with a colon in its name is given as DIR:/code:ro)";
	if (path[1] == '\0')
		return "cannot be the root";
	if (!is_plain(path))
		return "must be plain: no '.', '..' or empty part, no '/' at its end";
	for (size_t i = 0; i < sizeof machine / sizeof *machine; i++)
		if (is_below(path, machine[i]))
			return "is the system's";
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcmp(path, ours[i]) == 0)
			return "is the executor's own file system in memory";
	return check_text(path);
}

const struct volume *
volumes_at(const struct volumes *v, const char *target)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->item[i].target, target) == 0)
			return &v->item[i];
	return NULL;
}

/* Source, target and mode of text; -ENOMEM leaves what there is to release. */
static int
split(const char *text, struct volume *ret)
{
	size_t len = strlen(text);
	const char *colon;

	*ret = (struct volume){ NULL, NULL, false };
	if (strchr(text, ':') == NULL) {
		ret->read_only = true;
		ret->source = strdup(text);
		ret->target = strdup(VOLUMES_CODE);
	} else {
		if (len > 3 && strcmp(text + len - 3, ":ro") == 0 && memchr(text, ':', len - 3) != NULL) {
			ret->read_only = true;
			len -= 3;
		}
		colon = memrchr(text, ':', len);
		ret->source = strndup(text, (size_t)(colon - text));
		ret->target = strndup(colon + 1, len - 1 - (size_t)(colon - text));
	}
	return ret->source == NULL || ret->target == NULL ? -ENOMEM : 0;
}

static int
check(const struct volumes *v, const struct volume *one, const char *text, struct buf *why)
{
	const struct volume *other = volumes_at(v, one->target);
	const char *what;

	if (one->source[0] == '\0')
		return refuse(why, "--mountable-volumes %s: a directory is missing", text);
	if ((what = check_target(one->target)) != NULL)
		return refuse(why, "--mountable-volumes %s: %s in the container: %s", text, one->target, what);
	if (other != NULL)
		return refuse(why, "--mountable-volumes %s: %s is already the place of %s", text, one->target, other->source);
	return 0;
}

int
volumes_parse(struct volumes *v, const char *text, struct buf *why)
{
	struct volume one, *grown;
	int r = split(text, &one);

	if (r == 0 && (r = check(v, &one, text, why)) == 0) {
		if ((grown = realloc(v->item, (v->n + 1) * sizeof *grown)) != NULL) {
			v->item = grown;
			v->item[v->n++] = one;
			return 0;
		}
		r = -ENOMEM;
	}
	free(one.source);
	free(one.target);
	return r;
}

void
volumes_release(struct volumes *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->item[i].source);
		free(v->item[i].target);
	}
	free(v->item);
	*v = (struct volumes)VOLUMES_INIT;
}
