/*
 * local - a pool on this machine: executors on Unix sockets in a private directory, and a manager before them; all kept
 * running until the end, and all gone then.
 *
 *	start the executors, some at a time → each has its socket, says that it is ready → start the manager →
 *	it has them all available → run the command, or print where the pool is → … → stop the manager (which lets
 *	finish what runs), then the executors, kill what is left, remove the directory.
 *
 * Until the pool is ready a failure ends it, with the reason; from then on what ends is started again (member.h).
 * The manager comes back on its port: the state of the sessions is in the executors.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "local/launch.h"
#include "deploy/types.h"

struct local_conf {
	struct types		 types;
	const char *const	*kernel;	/* for each type: its kernelspec, or NULL */
	struct launch		 launch;	/* rundir, program, args, bwrap, net, ro, env, groups filled in */
	const char		*serve;		/* absolute path of the manager */
	uint16_t		 port;		/* 0: a free one */
	int64_t			 start_ms;	/* an executor, or the manager, must be ready this long after its start */
	const char		*log_level;	/* the manager's, NULL: its default */
	const char		*command;	/* resolved path, NULL: none */
	char *const		*command_argv;
};

/* The keeper's work (guard.h); returns its exit status. */
int	local_run(struct local_conf *conf, int front_pipe, pid_t group);

/* Only look whether the sandbox works.  Returns an exit status, having said why not. */
int	local_probe(struct local_conf *conf);

#endif
