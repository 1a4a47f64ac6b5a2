/* range - the part of a file that a Range field asks for; see range.h. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "range.h"

/* Digits into *ret, INT64_MAX where there are too many; returns what follows them, p itself where there are none. */
static const char *
number(const char *p, int64_t *ret)
{
	int64_t v = 0;

	for (; isdigit((unsigned char)*p); p++)
		v = v > (INT64_MAX - 9) / 10 ? INT64_MAX : v * 10 + (*p - '0');
	*ret = v;
	return p;
}

enum range_kind
range_parse(const char *value, int64_t size, int64_t *ret_first, int64_t *ret_len)
{
	int64_t first, last = INT64_MAX;
	const char *p = value, *after;
	int has_first;

	if (strncasecmp(p, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	p += 6;
	after = number(p, &first);
	has_first = after != p;
	if (*after != '-')
		return RANGE_WHOLE;
	p = after + 1;
	after = number(p, has_first ? &last : &first);
	if (*after != '\0' || (after == p && !has_first))
		return RANGE_WHOLE;
	if (after == p)
		last = INT64_MAX;
	if (!has_first) {		/* the last so many: of nothing there is no part to be named */
		if (first == 0)
			return RANGE_OUTSIDE;
		if (size == 0)
			return RANGE_WHOLE;
		first = first < size ? size - first : 0;
	}
	if (last < first)
		return RANGE_WHOLE;
	if (first >= size)
		return RANGE_OUTSIDE;
	*ret_first = first;
	*ret_len = (last < size ? last + 1 : size) - first;
	return RANGE_PART;
}
