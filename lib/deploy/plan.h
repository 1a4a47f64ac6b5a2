/*
 * plan - what a deployment consists of: the manager, and numbered executors with their type, image and port.
 * Pure: no I/O, no clock; the same options give the same plan.  How it is written down is compose_yaml's business.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "types.h"

#define PLAN_EXECUTOR_PORT	8432	/* inside a container; the host's ports start at start_port */
#define PLAN_MANAGER_PORT	5000
#define PLAN_COUNT		10	/* executors, where neither -n nor -t says */

struct plan_options {
	const char	*types;		/* as the command line has it: "python:60,kaggle:30" */
	int		 count;		/* executors, 0: not said */
	int		 start_port;	/* 1..65535 */
	const char	*config_path;	/* where the manager's configuration is, as the compose file names it */
};

struct plan_executor {
	char		 name[24];	/* "executor-007": service, container and host name */
	const char	*type;		/* borrowed from the plan's types */
	const char	*image;
	int		 port;		/* on the host */
};

struct plan {
	struct types		 types;
	struct plan_executor	*executor;
	size_t			 n;
	const char		*config_path;	/* borrowed from the options */
	const char		*manager_image;
	int			 manager_port;
	const char		*bind;		/* address that published ports listen on */
	const char		*memory, *cpus;	/* limits of each executor, as Compose spells them */
	int			 pids;
};

#define PLAN_INIT { .types = TYPES_INIT }

/*
 * 0; -EINVAL: the options contradict each other or cannot be, a message naming the option appended to why ("--types a:b:c: only
 * one colon …"); -ENOMEM.  A type without a count takes what the others leave of `count`.
 */
int	plan_build(const struct plan_options *o, struct plan *ret, struct buf *why);
void	plan_release(struct plan *p);

/* The manager's configuration, {"0":{"url":…,"type":…},…}, a line for each executor. */
void	plan_format_config(const struct plan *p, struct buf *out);

#endif
