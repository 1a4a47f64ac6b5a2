/*
 * scratch - private directories of one's own: made, and removed whole.
 * Removal follows no symbolic link, leaves no mount point, needs no more than a few descriptors however deep or wide the tree
 * is, and opens up directories whose modes were changed.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "base/buf.h"

/* mkdtemp(3) below `base`: "<base>/<prefix>XXXXXX", mode 700, its path in ret.  0, -errno. */
int	scratch_make(const char *base, const char *prefix, struct buf *ret);
/* Remove path and all below it.  0, -errno of the last thing that could not be removed. */
int	scratch_remove(const char *path);
/* The same with the directory `name` of `at`, as far as `most` entries go: -EAGAIN says that more is left. */
int	scratch_remove_at(int at, const char *name, long most);
/*
 * Remove all that is in path, but not what is `spared` (absolute paths without links, NULL after the last; or NULL), what is
 * mounted below, and the directories that lead there.  As scratch_remove().
 */
int	scratch_empty(const char *path, const char *const *spared);
/*
 * Whatever became of the directory path, whose name is one's own: that it is there again, and can be used.  Something else in its
 * place, a symbolic link too, is taken away.  0, -errno.
 */
int	scratch_restore(const char *path);

#endif
