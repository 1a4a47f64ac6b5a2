/* argv - a growing list of strings; see argv.h. */
#include <errno.h>
#include <stdarg.h>

#include "local/argv.h"

void
argv_release(struct argv *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->item[i]);
	free(a->item);
	*a = (struct argv)ARGV_INIT;
}

/* Takes text over; NULL is a string that found no memory. */
static void
take(struct argv *a, char *text)
{
	if (a->n + 1 >= a->cap && text) {
		size_t cap = a->cap ? a->cap * 2 : 16;
		char **p = realloc(a->item, cap * sizeof *p);

		if (p) {
			a->item = p;
			a->cap = cap;
		} else {
			free(text);
			text = NULL;
		}
	}
	if (!text) {
		a->failed = true;
		return;
	}
	a->item[a->n++] = text;
	a->item[a->n] = NULL;
}

void
argv_add(struct argv *a, const char *text)
{
	take(a, strdup(text));
}

void
argv_addf(struct argv *a, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	take(a, text);
}

static size_t
find(const struct argv *a, const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < a->n; i++)
		if (strncmp(a->item[i], name, len) == 0 && a->item[i][len] == '=')
			break;
	return i;
}

void
argv_setenv(struct argv *a, const char *name, const char *value)
{
	size_t i = find(a, name);
	char *text;

	if (asprintf(&text, "%s=%s", name, value) < 0)
		text = NULL;
	if (i == a->n || !text) {
		take(a, text);
		return;
	}
	free(a->item[i]);
	a->item[i] = text;
}

const char *
argv_getenv(const struct argv *a, const char *name)
{
	size_t i = find(a, name);

	return i < a->n ? a->item[i] + strlen(name) + 1 : NULL;
}

char *const *
argv_list(const struct argv *a)
{
	static char *none[] = { NULL };

	return a->item ? a->item : none;
}

int
argv_error(const struct argv *a)
{
	return a->failed ? -ENOMEM : 0;
}
