/*
 * listing - what is in a directory, as JSON:
 *
 *	{"path":"a/","entries":[{"name":"x.csv","type":"file","size":12,"mtime":1700000000.25},
 *	 {"name":"sub","type":"directory","mtime":…}],"truncated":false}
 *
 * Sorted by the names' bytes.  type: file, directory, symlink (not followed), other; size: of files.  A name that is not UTF-8 has
 * U+FFFD for what is not, and `name_encoded` as an URL takes it.  This blocks: it is for a thread.
 */
#ifndef LISTING_H
#define LISTING_H

#include "base/buf.h"

#define LISTING_ENTRIES_MAX	10000		/* the first ones by name; then truncated is true */
#define LISTING_BYTES_MAX	(4u << 20)	/* the same, for long names */
#define LISTING_READ_MAX	200000		/* entries looked at, of a directory that has no end */

/* fd: of the directory, open for reading; it is closed.  path: as the answer shows it.  0, -errno. */
int	listing_format(int fd, const char *path, struct buf *out);

#endif
