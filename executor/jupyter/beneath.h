/*
 * beneath - paths that do not lead out of a directory.
 * The directory is a descriptor (O_PATH will do), a path is relative to it, and whoever changes what is below it, at any moment,
 * with symbolic links too, gains nothing: openat2(2) with RESOLVE_BENEATH follows links as long as they stay below.  Where there
 * is no openat2 (before Linux 5.6; a seccomp profile older than it) no link is followed.
 * All of this blocks: it is for a thread.
 */
#ifndef BENEATH_H
#define BENEATH_H

#include <stdbool.h>

#include "base/buf.h"

#define BENEATH_PATH_MAX 4095	/* bytes, as PATH_MAX */
#define BENEATH_NAME_MAX 255	/* NAME_MAX of every file system in use */

/*
 * A path from the end of an URL: percent-encoded, its components neither empty nor "." nor "..".  *ret gets it decoded and without
 * the slash at its end, "" for the directory itself; *ret_is_dir: there was such a slash, or there was nothing.
 * 0; -ENOMEM; -EINVAL, *ret_why (static text) is a sentence.
 */
int	beneath_parse(const char *text, size_t len, struct buf *ret, bool *ret_is_dir, const char **ret_why);

/*
 * As openat(2), without O_CREAT, for such a path.  A descriptor, or -errno: -EXDEV leads out, -ELOOP a link that is not followed,
 * -EAGAIN too many changes at once.  Whatever is there is opened: ask fstat(2) what it is; O_NONBLOCK keeps pipes from blocking.
 */
int	beneath_open(int dir, const char *path, int flags);
/*
 * The directory that the path's last component is in, as a descriptor for the *at() calls; *ret_name is that component, part of
 * path, which must not be "".  make: directories that are not there are made.  Or -errno, as above.
 */
int	beneath_parent(int dir, const char *path, bool make, const char **ret_name);

#endif
