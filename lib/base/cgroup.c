/* cgroup - where control groups are in the file system; see cgroup.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"

#define EVENTS_BYTES_MAX	65536

/* Is `word` one of the comma-separated words of list[0..n)? */
static bool
has_word(const char *list, size_t n, const char *word)
{
	size_t w = strlen(word), k;

	for (const char *p = list; p < list + n; p += k + 1) {
		k = 0;
		while (p + k < list + n && p[k] != ',')
			k++;
		if (k == w && memcmp(p, word, w) == 0)
			return true;
	}
	return false;
}

/* Path in the line of /proc/PID/cgroup: "4:memory:/a/b" (v1) or, with controller NULL, "0::/a/b" (v2). */
static bool
find_group(const char *text, const char *controller, const char **ret, size_t *ret_len)
{
	const char *p = text, *a, *b, *end;

	for (; *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, "\n");
		a = memchr(p, ':', (size_t)(end - p));
		b = a ? memchr(a + 1, ':', (size_t)(end - a - 1)) : NULL;
		if (!b || (controller ? !has_word(a + 1, (size_t)(b - a - 1), controller) : b != a + 1))
			continue;
		*ret = b + 1;
		*ret_len = (size_t)(end - b - 1);
		return true;
	}
	return false;
}

/* Fields of a mountinfo line, proc(5): id parent dev ROOT POINT options [tags] - TYPE source SUPER-OPTIONS. */
static bool
parse_mount(const char *line, size_t n, const char *controller, char root[512], char point[512])
{
	char text[2048], type[64], super[512];
	const char *dash;

	if (n >= sizeof text)
		return false;
	memcpy(text, line, n);
	text[n] = '\0';
	dash = strstr(text, " - ");
	if (!dash || sscanf(text, "%*s %*s %*s %511s %511s", root, point) != 2 ||
	    sscanf(dash + 3, "%63s %*s %511s", type, super) != 2)
		return false;
	if (!controller)
		return strcmp(type, "cgroup2") == 0;
	return strcmp(type, "cgroup") == 0 && has_word(super, strlen(super), controller);
}

/* v1 is looked for first: on a mixed system a controller is where it is named. */
int
cgroup_dir(const char *cgroup, const char *mountinfo, const char *controller, bool *ret_unified, struct buf *dir)
{
	const char *named = controller, *p, *end, *group;
	char root[512], point[512];
	size_t len, rlen;

	if (!find_group(cgroup, named, &group, &len)) {
		named = NULL;
		if (!find_group(cgroup, named, &group, &len))
			return -ENOENT;
	}
	for (p = mountinfo; *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, "\n");
		if (!parse_mount(p, (size_t)(end - p), named, root, point))
			continue;
		/* In a container the mount shows a part of the tree: its root is not "/". */
		rlen = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (rlen > 0 && len >= rlen && memcmp(group, root, rlen) == 0 && (len == rlen || group[rlen] == '/')) {
			group += rlen;
			len -= rlen;
		}
		buf_printf(dir, "%s%.*s", point, len == 1 && *group == '/' ? 0 : (int)len, group);
		*ret_unified = !named;
		return buf_error(dir);
	}
	return -ENOENT;
}

const char *
cgroup_oom_name(bool unified)
{
	return unified ? "memory.events" : "memory.oom_control";
}

int64_t
cgroup_count(const char *text, const char *key)
{
	size_t len = strlen(key);
	long long n;
	char *end;

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, key, len) != 0 || p[len] != ' ')
			continue;
		n = strtoll(p + len, &end, 10);
		return end > p + len && n >= 0 ? n : -1;
	}
	return -1;
}

int64_t
cgroup_read(const char *path, const char *key)
{
	struct buf text = BUF_INIT;
	int64_t n = -1;

	if (buf_read_file(&text, path, EVENTS_BYTES_MAX) == 0)
		n = cgroup_count(buf_str(&text), key);
	buf_release(&text);
	return n;
}
