/* refuse - one sentence on what cannot be; see refuse.h. */
#include <errno.h>

#include "deploy/refuse.h"

int
refuse(struct buf *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(why, fmt, ap);
	va_end(ap);
	return -EINVAL;
}
