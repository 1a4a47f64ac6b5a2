/*
 * process - one kernel process: its connection, working directory, environment, descriptors; started by itself, or forked by
 * the fork server.
 * Either way it leads a session and process group of its own, has default signal dispositions, no descriptor beyond 0 to 2 (but
 * for what a preload holds), reads /dev/null, writes into two pipes, and gets SIGKILL when this process dies.
 * A kernel that is forked gets its key through a pipe.  One that is started by itself reads a connection file.
 * A spare that is forked has no directory as long as another kernel's code runs: they get names that nobody can guess, and are
 * made when it takes over.  Its sockets have one until they are connected; nobody else's connection is taken (forkserver.py).
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/buf.h"
#include "channels.h"
#include "forkserver.h"
#include "kernelspec.h"

struct process_conf {
	const struct kernelspec	*spec;
	const char	*runtime_dir;	/* private: connection files, sockets */
	const char	*work_base;	/* the working directory is made below it */
	unsigned	 serial;	/* names this start's files */
	bool		 use_ipc;	/* else TCP on loopback */
	struct rlimit	 nofile;	/* its limit of descriptors: this process has raised its own */
	bool		 is_spare;
	int		 nice;		/* until it takes over */
	struct forkserver *server;	/* forks it, if it is there; NULL: started by itself */
	void		*arg;
	void		(*on_forked)(void *arg, pid_t pid);	/* as forkserver_fork() */
};

struct process {
	pid_t		 pid;		/* 0: never started, or not forked yet */
	unsigned	 ticket;	/* of the fork server, until it has answered; 0: none */
	int		 out[2];	/* read ends of its stdout and stderr, non-blocking; -1: closed */
	int		 child_out[2];	/* its own ends, until it has them; -1: closed */
	char		 key[33];
	char		 endpoint[CHANNELS][128];
	struct buf	 work_dir;	/* its cwd */
	struct buf	 ipython_dir;
	struct buf	 private_dir;	/* connection file, sockets */
	struct buf	 connection;	/* an object */
	struct buf	 connection_file;
};

/* 0: started, or with a ticket on its way; -errno with a sentence in why.  Either way process_release() is due. */
int	process_start(const struct process_conf *conf, struct process *ret, struct buf *why);
/* It could not be forked: start it by itself.  As above. */
int	process_exec(const struct process_conf *conf, struct process *l, struct buf *why);
/* It is there, by whichever way: its ends of the pipes are closed here. */
void	process_is_there(struct process *l, pid_t pid);
/* It is connected: where it listens is taken out of the file system. */
void	process_hide(struct process *l);
/* A spare takes over: its directories are made.  0, -errno. */
int	process_make_dirs(const struct process *l);
/* Close what is open.  The directories are the caller's to remove, when the process is gone. */
void	process_release(struct process *l);

#endif
