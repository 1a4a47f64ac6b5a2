/*
 * spawn - fork and exec of what belongs to a kernel: the kernel itself, its fork server.
 * A process that is spawned leads a session and process group of its own, has default signal dispositions, no descriptor beyond
 * those it is given, and gets SIGKILL when this process dies.
 */
#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/proc.h"
#include "kernelspec.h"

#define SPAWN_FDS 4

struct words {			/* NULL at the end, where there is one */
	char	**v;
	size_t	  n, cap;
	bool	  failed;
};

/* Takes s over; NULL: out of memory, which failed tells. */
void	words_add(struct words *w, char *s);
void	words_release(struct words *w);

/* The environment of this process, without what is its own, and with what the kernelspec says. */
void	spawn_env(const struct kernelspec *spec, struct words *env);

struct spawn_conf {
	char		**argv, **env;
	const char	*dir;		/* its cwd */
	int		 fd[SPAWN_FDS];	/* become its descriptors 0, 1, …; with FD_CLOEXEC here */
	size_t		 nfds;
	struct rlimit	 nofile;	/* its limit of descriptors: this process has raised its own */
	int		 nice;		/* 0: as this process */
};

/* 0, *ret_pid; -errno.  What fails later is told on its descriptor 2; it then exits with 127. */
int	spawn(const struct spawn_conf *conf, pid_t *ret_pid);
/* Does pid still run on the terms that it would have if it were spawned now?  Any process of its user can change them. */
bool	spawn_is_unspoilt(pid_t pid, const struct rlimit *nofile, int nice);

#endif
