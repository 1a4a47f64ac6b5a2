/*
 * process - one kernel process: its connection file, working directory, environment, descriptors; fork and exec.
 * The process leads a session and process group of its own, has default signal dispositions, no descriptor beyond 0 to 2,
 * reads /dev/null, writes into two pipes, and gets SIGKILL when this process dies.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/buf.h"
#include "channels.h"
#include "kernelspec.h"

struct process_conf {
	const struct kernelspec	*spec;
	const char	*runtime_dir;	/* private: connection files, sockets */
	const char	*work_base;	/* the working directory is made below it */
	unsigned	 serial;	/* names this start's files */
	bool		 use_ipc;	/* else TCP on loopback */
	struct rlimit	 nofile;	/* its limit of descriptors: this process has raised its own */
};

struct process {
	pid_t		 pid;		/* 0: never started */
	int		 out[2];	/* read ends of its stdout and stderr, non-blocking; -1: closed */
	char		 key[33];
	char		 endpoint[CHANNELS][128];
	struct buf	 work_dir;	/* its cwd */
	struct buf	 private_dir;	/* IPYTHONDIR, connection file, sockets */
	struct buf	 connection_file;
};

/* 0; -errno with a sentence in why.  Either way process_release() is due. */
int	process_start(const struct process_conf *conf, struct process *ret, struct buf *why);
/* Close what is open.  The directories are the caller's to remove, when the process is gone. */
void	process_release(struct process *l);

#endif
