#include <errno.h>

#include "types.h"

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool
types_name_ok(const char *name, size_t len)
{
	if (len == 0 || len > TYPES_NAME_MAX || !is_alnum(name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_alnum(name[i]) && name[i] != '_' && name[i] != '.' && name[i] != '-')
			return false;
	return true;
}

void
types_release(struct types *t)
{
	free(t->item);
	*t = (struct types)TYPES_INIT;
}

/* Digits only; anything above the cap counts as one above it, so that no length of digits overflows. */
static const char *
parse_count(const char *s, size_t len, int *ret_count)
{
	int n = 0;

	if (len == 0)
		return "a count must follow the colon";
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return memchr(s, ':', len) != NULL ? "only one colon may separate type and count"
			    : "the count must be a whole number";
		if (n <= TYPES_TOTAL_MAX)
			n = n * 10 + (s[i] - '0');
	}
	if (n == 0)
		return "the count must be 1 or more";
	if (n > TYPES_TOTAL_MAX)
		return "more than 10000 containers";
	*ret_count = n;
	return NULL;
}

static const char *
parse_item(const char *s, size_t len, struct type *ret)
{
	const char *colon = memchr(s, ':', len), *what;
	size_t name_len = colon != NULL ? (size_t)(colon - s) : len;

	*ret = (struct type){ .count = 1, .counted = colon != NULL };
	if (name_len == 0)
		return "a type is missing";
	if (name_len > TYPES_NAME_MAX)
		return "a type has at most 63 characters";
	if (!types_name_ok(s, name_len))
		return "a type starts with a letter or digit and has only letters, digits, '_', '.' and '-'";
	memcpy(ret->name, s, name_len);
	if (colon != NULL && (what = parse_count(colon + 1, len - name_len - 1, &ret->count)) != NULL)
		return what;
	return NULL;
}

static const char *
add(struct types *t, const struct type *item)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->item[i].name, item->name) == 0)
			return "the type is named twice";
	if (t->n == TYPES_MAX)
		return "more than 256 types";
	if (item->count > TYPES_TOTAL_MAX - t->total)
		return "more than 10000 containers";
	t->item[t->n++] = *item;
	t->total += item->count;
	return NULL;
}

int
types_parse(const char *spec, struct types *ret, struct types_error *ret_err)
{
	struct types t = TYPES_INIT;
	const char *what = NULL;

	*ret_err = (struct types_error){ 0, 0, NULL };
	if ((t.item = calloc(TYPES_MAX, sizeof(*t.item))) == NULL)
		return -ENOMEM;
	for (const char *p = spec;; p++) {
		struct type item;
		size_t len = strcspn(p, ",");

		if ((what = parse_item(p, len, &item)) != NULL || (what = add(&t, &item)) != NULL) {
			*ret_err = (struct types_error){ (size_t)(p - spec), len, what };
			types_release(&t);
			return -EINVAL;
		}
		p += len;
		if (*p == '\0')
			break;
	}
	*ret = t;
	return 0;
}
