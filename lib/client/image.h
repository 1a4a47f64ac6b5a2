/*
 * image - pictures of a reply's mime bundles, as files.
 * Names are made here: DIR/image-001.png with the first free number; nothing is ever overwritten, and no name comes from
 * a kernel.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stddef.h>

#include "buf.h"
#include "json.h"

/* The extension for a MIME type that is saved ("png"), NULL for one that is not. */
const char *image_extension(struct json mime);
/* Make dir if it is not there (its parent must be).  0, -errno. */
int	image_make_dir(const char *dir);
/*
 * Save one picture: data is a string, or an array of strings to be joined, base64 but for image/svg+xml.  *number is where the search for a
 * free name starts, and afterwards one beyond the one used.  0: its path appended to path; -EBADMSG: not base64, or no text;
 * -errno of open(2) or write(2).
 */
int	image_save(const char *dir, const char *extension, struct json data, unsigned *number, struct buf *path);

/* Decode (RFC 4648, blanks and line ends skipped).  0, -EBADMSG, -ENOMEM. */
int	image_base64(const char *text, size_t len, struct buf *out);

#endif
