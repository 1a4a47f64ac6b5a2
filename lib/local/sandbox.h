/*
 * sandbox - what an executor without Docker gets to see: its environment, and its view of the machine by bubblewrap.
 * A sandboxed executor sees /usr (with /bin, /lib* and /sbin), a minimal /etc, the kernelspecs, its program, and tmpfs of
 * its own on /tmp, /work and /dev/shm.  Nothing of the host can be written to but the one directory in which its socket
 * appears, and that one is taken away once it did (rundir.h).  No network, no capability, no further user namespace, an environment
 * made from nothing.  Pure: reads nothing from the machine, what there is comes in.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "local/argv.h"

/* Places inside. */
#define SANDBOX_WORK		"/work"
#define SANDBOX_SOCKET_DIR	"/executor/socket"
#define SANDBOX_RUN		"/executor/run"		/* the executor's own */
#define SANDBOX_SCRATCH		"/tmp:/dev/shm:" SANDBOX_WORK ":" SANDBOX_RUN
#define SANDBOX_BIN		"/executor/bin"
#define SANDBOX_JUPYTER		"/executor/jupyter"
#define SANDBOX_MEMORY_EVENTS	"/executor/memory.events"	/* of its control group: counts out-of-memory kills */
#define SANDBOX_ID		1000		/* uid and gid inside, whoever starts it */
#define SANDBOX_TMPFS_BYTES	(1LL << 30)	/* of each tmpfs: a cell that fills one must not fill the host's memory */

/* Something of the host that is shown read-only; or a symbolic link that is made. */
struct sandbox_bind {
	const char	*from;		/* the host's path, or the text of the link */
	const char	*at;		/* the path inside */
	bool		 is_link;
};

struct sandbox {
	const char		  *hostname;
	const char		  *socket_dir;	/* host directory in which the socket is to appear */
	const struct sandbox_bind *bind;	/* in this order: a later one may lie in an earlier one */
	size_t			   nbind;
	long long		   tmpfs_bytes;	/* of each; 0: SANDBOX_TMPFS_BYTES */
	bool			   net;		/* share the host's network */
	bool			   pid1;	/* the program is made to be the first process of its PID namespace */
	bool			   userns_open;	/* this bubblewrap cannot forbid further user namespaces */
	const struct argv	  *env;		/* NAME=VALUE: all that the program's environment holds */
};

/*
 * bwrap's options, without the program to run.  They go through a descriptor (bwrap --args FD), since a command line can
 * be read from inside.  0, -ENOMEM.
 */
int	sandbox_options(const struct sandbox *s, struct argv *ret_options);

/*
 * The environment of an executor: of the caller's only what is on the list (locale, time zone, the executor's own settings;
 * unless sandboxed also PATH, HOME and the like), then the defaults, then extra ("K=V", checked).  0, -ENOMEM.
 */
int	sandbox_env(char *const *caller, bool sandboxed, const char *const *extra, size_t nextra, struct argv *ret_env);

/* "K=V" with a name a shell would take. */
bool	sandbox_env_ok(const char *text);

/* True if path is dir or lies below it. */
bool	sandbox_is_below(const char *path, const char *dir);

#endif
