/*
 * output - write several files, all or none.
 * Each is written whole beside its target first and then renamed over it; where one cannot be put in place, those already
 * there are put back as they were.  A target that exists and is no regular file (/dev/null, a pipe) is written to instead.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct output {
	const char		*path;
	const struct buf	*text;
	bool			 shared;	/* readable by everybody whatever the umask says: a container's user is not us */
};

/* 0; -errno, *ret_which the index of the file at fault. */
int	output_write_all(const struct output *files, size_t n, size_t *ret_which);

#endif
