/*
 * rundir - the private directory of a local pool: sockets, configuration, the executors' working directories.
 *	RUNDIR/container_config.json
 *	RUNDIR/3/in/sock	where executor 3 makes its socket; the one place a sandbox can write to, while it starts
 *	RUNDIR/3/sock		the same socket, once it is there: what the manager connects to
 *	RUNDIR/3/etc/		passwd and others, for its sandbox
 *	RUNDIR/3/work/		its working directory where there is no sandbox
 * The manager must not connect by a path that a cell may replace: a symbolic link there would lead it to any other
 * socket of the machine.  So the socket gets a second name outside the executor's reach, and in/ is removed.
 */
#ifndef RUNDIR_H
#define RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

#define RUNDIR_PREFIX	"execmgr-"
#define RUNDIR_CHANCE	10	/* letters that follow, each one of 32: 50 bits of chance */
#define RUNDIR_LETTERS	"abcdefghijklmnopqrstuvwxyz234567"
#define RUNDIR_MAX	80	/* leaves room for "/9999/in/sock" within the 107 bytes of a socket's path */

/*
 * Choose a new name below XDG_RUNTIME_DIR, or /tmp where that is not a writable directory of ours, or too long.
 * Nothing is made yet, so that whoever is to remove it can know the name before there is something to remove.
 */
int	rundir_choose(char ret_path[static RUNDIR_MAX]);
int	rundir_make(const char *path);				/* mode 0700; 0, -errno (-EEXIST: not ours) */
/* Remove path and all below it.  Follows no link, even if somebody replaces a directory meanwhile. 0, -errno. */
int	rundir_remove(const char *path);
int	rundir_write(const char *path, const void *bytes, size_t len, mode_t mode);	/* a new file; 0, -errno */

/* Make (again) DIR/in, empty, owned by uid (-1: by us), and forget a former socket. */
int	rundir_open_socket(const char *dir, uid_t owner);
/*
 * Give the socket its second name and remove DIR/in.
 * 0; -EAGAIN: there is none yet; -ENOTSOCK, -ENOTEMPTY: somebody has put something else there; -errno.
 */
int	rundir_adopt_socket(const char *dir);

#endif
