/*
 * forkserver - one Python process that has imported ipykernel, from which Python kernels are forked: each ready in a fraction of
 * a start, and sharing the memory of what is imported.
 * What runs in it is forkserver.py, built in here; it says how a kernel comes to be.  Where kernels cannot be forked (another
 * kernel, another command line than `python -m ipykernel_launcher -f {connection_file}`, a preload that fails) forkserver_why()
 * tells, and kernels are started by themselves.
 * Until it has closed itself to others (PR_SET_DUMPABLE) its memory is open to code of the same user, and so would be all
 * kernels to come: it is started only when no such code is there, and one that was killed stays away till then.
 */
#ifndef FORKSERVER_H
#define FORKSERVER_H

#include <stdbool.h>
#include <sys/resource.h>
#include <uv.h>

#include "kernelspec.h"

struct forkserver;

struct forkserver_conf {
	uv_loop_t	*loop;
	const struct kernelspec *spec;
	bool		 off;		/* by whoever started this */
	const char	*preload;	/* modules, separated by commas; NULL: none */
	struct rlimit	 nofile;	/* the kernels' */
	int64_t		 start_ms;	/* until it must be ready */
};

enum forkserver_fd { FORKSERVER_SETTINGS, FORKSERVER_STDOUT, FORKSERVER_STDERR, FORKSERVER_FDS };

struct forkserver *forkserver_new(const struct forkserver_conf *conf);	/* NULL: out of memory.  Starts nothing yet */
void	forkserver_free(struct forkserver **fs);			/* kills it */

/* Start it where it is not there and can be.  For when no code of a kernel's runs. */
void	forkserver_ensure(struct forkserver *fs);
/* Of a process that waitpid(2) has just reaped: it may be this one. */
void	forkserver_exited(struct forkserver *fs, pid_t pid);
/* Whatever a kernel's code did to it: it goes on. */
void	forkserver_continue(const struct forkserver *fs);

bool	forkserver_is_there(const struct forkserver *fs);	/* ready, or it will be */
pid_t	forkserver_pid(const struct forkserver *fs);		/* 0: none */
const char *forkserver_why(const struct forkserver *fs);	/* why kernels are not forked; "" where they are */

/*
 * Fork a kernel; the descriptors are borrowed for the call.  It reads its settings, an object, to the end of the first one (see
 * process.c).  on_forked is called once, later, with the pid of what is a child of this process; -1: it could not be forked.
 * Returns a ticket for forkserver_forget(); 0: not possible, and on_forked is not called.
 */
unsigned forkserver_fork(struct forkserver *fs, const int fd[FORKSERVER_FDS], void *arg,
	    void (*on_forked)(void *arg, pid_t pid));
/* Whoever asked is gone: on_forked is not called, the kernel is killed. */
void	forkserver_forget(struct forkserver *fs, unsigned ticket);

#endif
