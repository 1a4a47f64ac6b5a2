/* range - the part of a file that a Range field asks for.  Pure.  Source: RFC 9110, section 14. */
#ifndef RANGE_H
#define RANGE_H

#include <stdint.h>

enum range_kind {
	RANGE_WHOLE,		/* none, or one that may be ignored: malformed, another unit, more than one */
	RANGE_PART,		/* 206: *ret_first and *ret_len are set */
	RANGE_OUTSIDE,		/* 416 */
};

/* value: of the field; size: of the file, in bytes. */
enum range_kind	range_parse(const char *value, int64_t size, int64_t *ret_first, int64_t *ret_len);

#endif
